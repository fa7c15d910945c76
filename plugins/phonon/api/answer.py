"""Reading an answer: bytes from a server that may be Phonon, a proxy or half of either."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from phonon.api.codes import Code
from phonon.redaction import masked

_MESSAGE_LENGTH = 200
_ID_LENGTH = 100


@dataclass(frozen=True)
class Answer:
    """An answer as far as it could be read. ``code`` is None when the body has no known shape or code."""

    http_status: int
    code: Code | None
    message: str
    """``api-response-message``, numbers masked, or what is wrong with the body when it has no known code."""
    request_id: str | None
    phonon_uuids: Mapping[str, str] | None
    """client-identifier -> phonon-uuid of the calls listed in ``call-details``; None when there is no list."""
    retry_after: float | None = None
    """Seconds from the ``Retry-After`` header of a 429."""


def read_answer(http_status: int, body: bytes, *, retry_after: str | None = None) -> Answer:
    """Read an answer; never raises, whatever the bytes are."""
    wait = _seconds(retry_after)
    content = _json_object(body)
    if isinstance(content, str):
        return Answer(http_status, None, content, None, None, wait)
    code, problem = _code(content)
    message = content.get("api-response-message")
    request_id = content.get("request-id")
    return Answer(
        http_status,
        code,
        problem or (masked(_printable(message), echoed=True)[:_MESSAGE_LENGTH] if isinstance(message, str) else ""),
        _printable(request_id)[:_ID_LENGTH] if isinstance(request_id, str) and request_id else None,
        _listed_calls(content.get("call-details")),
        wait,
    )


def _json_object(body: bytes) -> dict[str, Any] | str:
    """The JSON object of a body, or the reason why there is none."""
    body = body.removeprefix(BOM_UTF8)  # JSON has none, but servers write it and what follows is clear
    if not body.strip():
        return "empty body"
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "HTML instead of JSON" if body.lstrip().startswith(b"<") else "not valid JSON"
    return content if isinstance(content, dict) else "JSON that is not an object"


def _code(content: Mapping[str, Any]) -> tuple[Code | None, str]:
    """The known code of a body, or None and the reason why there is none."""
    code = content.get("api-response-code")
    if code is None:
        if "SendMessageResponse" in content:
            return None, "a queue's SendMessageResponse instead of Phonon's answer"
        return None, "no api-response-code"
    if not isinstance(code, int) or isinstance(code, bool):
        return None, "api-response-code is not a whole number"
    try:
        return Code(code), ""
    except ValueError:
        return None, masked(f"unknown api-response-code {code}")


def _listed_calls(details: object) -> dict[str, str] | None:
    """The calls of ``call-details``; entries of the wrong shape list nothing."""
    if not isinstance(details, list):
        return None
    listed = {}
    for detail in details:
        if isinstance(detail, dict) and isinstance(detail.get("client-identifier"), str):
            uuid = detail.get("phonon-uuid")
            listed[detail["client-identifier"]] = _printable(uuid)[:_ID_LENGTH] if isinstance(uuid, str) else ""
    return listed


def _printable(text: str) -> str:
    """Text on one line; PostgreSQL takes no NUL, so one of those would stop the recording of an answer."""
    return "".join(character if character.isprintable() else " " for character in text)


def _seconds(retry_after: str | None) -> float | None:
    """``Retry-After`` in seconds; the date form is rare and answered by our own backoff."""
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None
