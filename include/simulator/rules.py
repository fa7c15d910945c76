"""The rules that a request is judged by on its own, without regard to what came before it.

Source: Phonon outbound API, "Request" and the table of codes. The calls are checked by plain code: a
request has up to 500 of them, and the stand-in shall never be what a measurement waits for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from simulator.codes import Code
from simulator.settings import IST, Settings

_SECURITY_ID = re.compile(r"[A-Za-z0-9]{64}").fullmatch
_FLOW_ID = re.compile(r"[A-Za-z0-9]{8}").fullmatch
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:-]{1,64}").fullmatch
_NUMBER = re.compile(r"91[0-9]{10}").fullmatch
_START_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+05:30").fullmatch

_KEY_PREFIX = "$flow.key."
_API_VERSIONS = ("1.0", "TEST")
_ENVELOPE = frozenset({"api-version", "security-id", "flow-id", "calls"})
_CALL = frozenset({"client-identifier", "start-time", "contact-numbers", "keys"})
_KEY = frozenset({"name", "value"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole request is refused; ``why`` names the place and the rule, never a value."""

    code: Code
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a body: its security-id (may be empty), its calls (may be none), the first fault."""

    security_id: str = field(default="", repr=False)
    calls: Sequence[Any] = field(default=(), repr=False)
    refusal: Refusal | None = None


def read(body: bytes, *, now: datetime, settings: Settings) -> Reading:
    """Read a request's body and judge it; the first rule that it breaks is its refusal."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Reading(refusal=Refusal(Code.INVALID_FORMAT, "the body is not JSON in UTF-8"))
    if not isinstance(envelope, dict):
        return Reading(refusal=Refusal(Code.INVALID_FORMAT, "the body is not a JSON object"))
    security_id = envelope.get("security-id")
    calls = envelope.get("calls")
    return Reading(
        security_id=security_id if isinstance(security_id, str) else "",
        calls=calls if isinstance(calls, list) else (),
        refusal=_envelope_refusal(envelope, settings) or _calls_refusal(envelope, now, settings),
    )


def _envelope_refusal(envelope: dict[str, Any], settings: Settings) -> Refusal | None:
    return (
        _fields_refusal(envelope, _ENVELOPE)
        or _security_id_refusal(envelope["security-id"], settings)
        or _version_refusal(envelope["api-version"])
        or _flow_id_refusal(envelope["flow-id"], settings)
        or _list_refusal(envelope["calls"], settings)
    )


def _fields_refusal(given: dict[str, Any], expected: frozenset[str]) -> Refusal | None:
    if given.keys() == expected:
        return None
    if given.keys() - expected:
        return Refusal(Code.INVALID_FORMAT, f"there is a field other than {', '.join(sorted(expected))}")
    missing = ", ".join(sorted(expected - given.keys()))
    return Refusal(Code.INVALID_MANDATORY_PARAMETERS, f"{missing}: missing")


def _security_id_refusal(value: object, settings: Settings) -> Refusal | None:
    if not isinstance(value, str) or not _SECURITY_ID(value):
        return Refusal(Code.INVALID_SECURITY_ID, "security-id: not 64 letters and digits")
    if settings.security_ids and value not in settings.security_ids:
        return Refusal(Code.INVALID_SECURITY_ID, "security-id: not a known one")
    return None


def _version_refusal(value: object) -> Refusal | None:
    if value in _API_VERSIONS:
        return None
    return Refusal(Code.INVALID_API_VERSION, "api-version: neither 1.0 nor TEST")


def _flow_id_refusal(value: object, settings: Settings) -> Refusal | None:
    if not isinstance(value, str) or not _FLOW_ID(value):
        return Refusal(Code.INVALID_FLOW_ID, "flow-id: not 8 letters and digits")
    if settings.flow_ids and value not in settings.flow_ids:
        return Refusal(Code.INVALID_FLOW_ID, "flow-id: not a known one")
    return None


def _list_refusal(value: object, settings: Settings) -> Refusal | None:
    if not isinstance(value, list):
        return Refusal(Code.INVALID_FORMAT, "calls: not a list")
    if not value:
        return Refusal(Code.EMPTY_CALL_LIST, "calls: empty")
    if len(value) > settings.max_calls:
        return Refusal(Code.MAX_DATA_LIST_SIZE_EXCEEDED, f"calls: more than {settings.max_calls}")
    return None


def _calls_refusal(envelope: dict[str, Any], now: datetime, settings: Settings) -> Refusal | None:
    rules = _CallRules(
        today=now.astimezone(IST).date(),
        callable_numbers=settings.test_numbers if envelope["api-version"] == "TEST" else frozenset(),
        invalid_endings=settings.invalid_number_endings,
    )
    for position, call in enumerate(envelope["calls"]):
        refusal = rules.refusal(call)
        if refusal is not None:
            return Refusal(refusal.code, f"calls[{position}]: {refusal.why}")
    return None


@dataclass(frozen=True, slots=True)
class _CallRules:
    """The rules for each call of one request."""

    today: date
    callable_numbers: frozenset[str]
    invalid_endings: tuple[str, ...]
    # The calls of a request mostly share one start-time; a date is parsed once for each that differs.
    known_times: dict[str, Refusal | None] = field(default_factory=dict)

    def refusal(self, call: object) -> Refusal | None:
        if not isinstance(call, dict):
            return Refusal(Code.INVALID_FORMAT, "not an object")
        if call.keys() != _CALL:
            return _call_fields_refusal(call)
        return (
            _identifier_refusal(call["client-identifier"])
            or self._start_time_refusal(call["start-time"])
            or self._numbers_refusal(call["contact-numbers"])
            or _keys_refusal(call["keys"])
        )

    def _start_time_refusal(self, value: object) -> Refusal | None:
        if not isinstance(value, str):
            return Refusal(Code.INVALID_MANDATORY_PARAMETERS, "start-time: not a string")
        if value not in self.known_times:
            self.known_times[value] = self._new_start_time_refusal(value)
        return self.known_times[value]

    def _new_start_time_refusal(self, value: str) -> Refusal | None:
        try:
            day = datetime.fromisoformat(value).date() if _START_TIME(value) else None
        except ValueError:
            day = None
        if day is None:
            return Refusal(
                Code.INVALID_MANDATORY_PARAMETERS, "start-time: not a time such as 2026-11-24T10:00:00+05:30"
            )
        if day < self.today:
            return Refusal(Code.INVALID_MANDATORY_PARAMETERS, "start-time: its date is past")
        return None

    def _numbers_refusal(self, numbers: object) -> Refusal | None:
        if not isinstance(numbers, list) or not numbers:
            return Refusal(Code.INVALID_CONTACT_NUMBER, "contact-numbers: not a list with a number in it")
        for number in numbers:
            if not isinstance(number, str) or not _NUMBER(number):
                return Refusal(Code.INVALID_CONTACT_NUMBER, "contact-numbers: not 91 and ten digits")
            if self.invalid_endings and number.endswith(self.invalid_endings):
                return Refusal(Code.INVALID_CONTACT_NUMBER, "contact-numbers: does not exist")
            if self.callable_numbers and number not in self.callable_numbers:
                return Refusal(Code.PHONE_NOT_WHITELISTED, "contact-numbers: not on the list for testing")
        return None


def _call_fields_refusal(call: dict[str, Any]) -> Refusal | None:
    if not call.keys() - _CALL and "contact-numbers" not in call:
        return Refusal(Code.INVALID_CONTACT_NUMBER, "contact-numbers: missing")
    return _fields_refusal(call, _CALL)


def _identifier_refusal(value: object) -> Refusal | None:
    if isinstance(value, str) and _IDENTIFIER(value):
        return None
    return Refusal(Code.INVALID_MANDATORY_PARAMETERS, "client-identifier: not 1 to 64 of A-Z a-z 0-9 _ . : -")


def _keys_refusal(keys: object) -> Refusal | None:
    if not isinstance(keys, list):
        return Refusal(Code.INVALID_FORMAT, "keys: not a list")
    for key in keys:
        if not isinstance(key, dict):
            return Refusal(Code.INVALID_FORMAT, "keys: not a list of objects")
        if key.keys() != _KEY:
            return _fields_refusal(key, _KEY)
        name = key["name"]
        if not isinstance(name, str) or not name.startswith(_KEY_PREFIX) or name == _KEY_PREFIX:
            return Refusal(Code.INVALID_MANDATORY_PARAMETERS, "keys: a name that is not $flow.key.<variable>")
        if not isinstance(key["value"], str):
            return Refusal(Code.INVALID_FORMAT, "keys: a value that is not a string")
    return None
