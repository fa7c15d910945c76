"""Encoding of requests: deterministic bytes, and cutting by 500 calls and 256,000 bytes.

The checksum rule refuses bytes that were received before, so a re-send is safe only when it is the same to
the byte. Hence the calls are encoded once, kept, and the envelope is put around them always the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from phonon.api.endpoints import MAX_BYTES, MAX_CALLS

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""The only offset that ``start-time`` takes."""


def encode_start_time(at: datetime) -> str:
    """``start-time`` of a call: seconds, offset +05:30 (Phonon outbound API, request)."""
    return at.astimezone(IST).strftime("%Y-%m-%dT%H:%M:%S+05:30")


def encode_call(
    client_identifier: str, start_time: str, contact_numbers: Sequence[str], keys: Sequence[tuple[str, str]]
) -> bytes:
    """One element of ``calls`` as UTF-8 JSON; ``keys`` are flow variables and their texts, in order."""
    columns = [(name, [value]) for name, value in keys]
    return encode_calls([client_identifier], [start_time], [contact_numbers], columns)[0]


def encode_calls(
    client_identifiers: Sequence[str],
    start_times: Sequence[str],
    contact_numbers: Sequence[Sequence[str]],
    keys: Sequence[tuple[str, Sequence[str]]],
) -> list[bytes]:
    """Elements of ``calls`` as UTF-8 JSON, from columns of one length; ``keys``: flow variables with their texts.

    Column by column: an object for each call, and its encoding, take four times as long.
    """
    names = [orjson.dumps(f"$flow.key.{name}").replace(b"%", b"%%") for name, _ in keys]
    pairs = b",".join(b'{"name":%b,"value":%%b}' % name for name in names)
    call = b'{"client-identifier":%b,"start-time":%b,"contact-numbers":%b,"keys":[' + pairs + b"]}"
    columns = [client_identifiers, start_times, contact_numbers, *(texts for _, texts in keys)]
    return [call % values for values in zip(*(map(orjson.dumps, column) for column in columns), strict=True)]


def freeze(calls: Sequence[bytes]) -> bytes:
    """The ``calls`` array of a batch, from encoded calls."""
    return b"[" + b",".join(calls) + b"]"


def freeze_objects(calls: Sequence[dict[str, Any]]) -> bytes:
    """The ``calls`` array of a batch, from the objects of another frozen array."""
    return orjson.dumps(calls)


def thaw(frozen: bytes) -> list[dict[str, Any]]:
    """The calls of a frozen array, as the JSON objects they are."""
    calls: list[dict[str, Any]] = orjson.loads(frozen)
    return calls


def with_start_time(frozen: bytes, start_time: str, *, before: str) -> bytes:
    """A frozen array in which every call that starts earlier than ``before`` starts at ``start_time``.

    For batches of which certainly no byte was ever sent. Both times in the format of ``encode_start_time``,
    in which text order is time order.
    """
    calls = thaw(frozen)
    for call in calls:
        if call["start-time"] < before:
            call["start-time"] = start_time
    return freeze_objects(calls)


@dataclass(frozen=True)
class Envelope:
    """What stands around the calls of a request. Holds the secret, so it is made when sending and not kept."""

    api_version: str
    security_id: str
    flow_id: str

    def __repr__(self) -> str:
        """Without the secret, because a repr ends in a log sooner or later."""
        return f"Envelope(api_version={self.api_version!r}, security_id='***', flow_id={self.flow_id!r})"

    def around(self, frozen: bytes) -> bytes:
        """The whole request body."""
        head = orjson.dumps(
            {"api-version": self.api_version, "security-id": self.security_id, "flow-id": self.flow_id}
        )
        return head[:-1] + b',"calls":' + frozen + b"}"


ENVELOPE_BYTES = len(Envelope("TEST", "s" * 64, "f" * 8).around(b"[]"))
"""Bytes of a body that has no calls, with the longest api-version there is."""

MAX_CALL_BYTES = MAX_BYTES - ENVELOPE_BYTES
"""A call longer than this fits into no request."""


def cut(sizes: Sequence[int], *, max_calls: int = MAX_CALLS, max_bytes: int = MAX_BYTES) -> Iterator[slice]:
    """Cut a row of encoded calls into batches that the API takes.

    ``sizes`` are the bytes of each call, none above ``MAX_CALL_BYTES``. Yields slices of at most
    ``max_calls`` calls whose body, commas and envelope counted, is at most ``max_bytes``; in order, without gaps.
    """
    first, total = 0, ENVELOPE_BYTES
    for index, size in enumerate(sizes):
        comma = 1 if index > first else 0
        if index - first == max_calls or total + comma + size > max_bytes:
            yield slice(first, index)
            first, total, comma = index, ENVELOPE_BYTES, 0
        total += comma + size
    if first < len(sizes):
        yield slice(first, len(sizes))
