"""Every call that was accepted, kept for the whole run, and what can be told of them all.

A run may have millions of calls, so an accepted request is kept as its compressed bytes and taken apart again
when somebody looks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from simulator.arrival import Arrival
from simulator.ids import phonon_uuid
from simulator.minute import Receipts, microseconds
from simulator.settings import IST, Endpoint

REPEATED_SHOWN = 20
"""How many client-identifiers that were accepted more than once are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedCall:
    """One accepted call. Of its numbers it has only the last four digits of the first."""

    client_identifier: str
    endpoint: Endpoint
    api_version: str
    flow_id: str
    phonon_uuid: str
    request_id: str
    received_at: datetime
    start_time: datetime
    dials_at: datetime
    """The start-time, or the receipt where that was later: a time already past dials at once."""
    number_last4: str
    numbers: int
    """How many numbers are tried in turn."""
    keys: Mapping[str, str]

    def as_json(self) -> bytes:
        """Return the call as one JSON object; what the vendor names has the vendor's name."""
        encoded: bytes = orjson.dumps(
            {
                "client-identifier": self.client_identifier,
                "endpoint": self.endpoint,
                "api-version": self.api_version,
                "flow-id": self.flow_id,
                "phonon-uuid": self.phonon_uuid,
                "request-id": self.request_id,
                "received_at": self.received_at,
                "start_time": self.start_time,
                "dials_at": self.dials_at,
                "number_last4": self.number_last4,
                "numbers": self.numbers,
                "keys": self.keys,
            }
        )
        return encoded


@dataclass(frozen=True, slots=True)
class _AcceptedRequest:
    endpoint: Endpoint
    request_id: str
    received_at: datetime
    packed: bytes
    positions: tuple[int, ...] | None

    def calls(self) -> Iterator[AcceptedCall]:
        envelope = orjson.loads(zlib.decompress(self.packed))
        calls = envelope["calls"]
        for position in range(len(calls)) if self.positions is None else self.positions:
            yield self._call(envelope, calls[position], position)

    def _call(self, envelope: dict[str, Any], call: dict[str, Any], position: int) -> AcceptedCall:
        start_time = datetime.fromisoformat(call["start-time"])
        numbers = call["contact-numbers"]
        return AcceptedCall(
            client_identifier=call["client-identifier"],
            endpoint=self.endpoint,
            api_version=envelope["api-version"],
            flow_id=envelope["flow-id"],
            phonon_uuid=phonon_uuid(self.request_id, position),
            request_id=self.request_id,
            received_at=self.received_at,
            start_time=start_time,
            dials_at=max(start_time, self.received_at),
            number_last4=numbers[0][-4:],
            numbers=len(numbers),
            keys={key["name"]: key["value"] for key in call["keys"]},
        )


class Record:
    """The accepted calls of a run."""

    def __init__(self) -> None:
        self._requests: list[_AcceptedRequest] = []
        self._identifiers: set[str] = set()
        self._repeated: dict[str, int] = {}
        self._receipts: dict[tuple[Endpoint, str], Receipts] = {}
        self.calls = 0
        """How many calls were accepted."""

    def add(
        self,
        arrival: Arrival,
        *,
        request_id: str,
        security_id: str,
        calls: Sequence[Any],
        positions: tuple[int, ...] | None,
    ) -> None:
        """Note a request's calls, or those at the given positions, as accepted."""
        accepted = calls if positions is None else [calls[position] for position in positions]
        if not accepted:
            return
        self._requests.append(
            _AcceptedRequest(
                endpoint=arrival.endpoint,
                request_id=request_id,
                received_at=arrival.now.astimezone(IST),
                packed=zlib.compress(arrival.body, 1),
                positions=positions,
            )
        )
        self.calls += len(accepted)
        receipts = self._receipts.setdefault((arrival.endpoint, security_id), Receipts())
        receipts.add(microseconds(arrival.now), len(accepted))
        for call in accepted:
            self._note_identifier(call["client-identifier"])

    def _note_identifier(self, identifier: str) -> None:
        if identifier in self._identifiers:
            self._repeated[identifier] = self._repeated.get(identifier, 1) + 1
        else:
            self._identifiers.add(identifier)

    def __iter__(self) -> Iterator[AcceptedCall]:
        """Yield every accepted call in the order of acceptance."""
        # By position, so that a reader who pauses sees calls that arrive meanwhile, and no half of a request.
        position = 0
        while position < len(self._requests):
            yield from self._requests[position].calls()
            position += 1

    def latest(self, count: int) -> list[AcceptedCall]:
        """Return the calls accepted last, the newest first."""
        newest_first = (call for request in reversed(self._requests) for call in reversed(list(request.calls())))
        return list(islice(newest_first, count))

    @property
    def unique_identifiers(self) -> int:
        """How many different client-identifiers were accepted."""
        return len(self._identifiers)

    @property
    def repeated_identifiers(self) -> Mapping[str, int]:
        """The client-identifiers that were accepted more than once, and how often."""
        return self._repeated

    def highest_in_any_minute(self) -> dict[str, dict[str, int]]:
        """Return the most accepted calls in any sixty seconds, by endpoint and masked security-id."""
        return self._by_account({who: receipts.highest_calls() for who, receipts in self._receipts.items()})

    def highest_requests_in_any_minute(self) -> dict[str, dict[str, int]]:
        """Return the most accepted requests in any sixty seconds, by endpoint and masked security-id."""
        return self._by_account({who: receipts.highest_requests() for who, receipts in self._receipts.items()})

    @staticmethod
    def _by_account(highest: Mapping[tuple[Endpoint, str], int]) -> dict[str, dict[str, int]]:
        accounts: dict[str, dict[str, int]] = {}
        for (endpoint, security_id), amount in highest.items():
            of_endpoint = accounts.setdefault(endpoint.value, {})
            masked = masked_security_id(security_id)
            of_endpoint[masked] = max(amount, of_endpoint.get(masked, 0))
        return accounts


def masked_security_id(security_id: str) -> str:
    """Return a security-id as it may be shown: its last four characters."""
    return f"...{security_id[-4:]}"
