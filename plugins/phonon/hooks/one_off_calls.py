"""One-off calls as the wire takes them: checked, and written by the rules that campaigns follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter, ValidationError

from phonon.api.request import IST, encode_call, encode_start_time, freeze
from phonon.campaign.shapes import FlowId, FlowVariable, Shape
from phonon.contacts.numbers import MAX_NUMBERS, NumberFault, numbers_of
from phonon.contacts.text import TextFault, text_of
from phonon.errors import ConfigurationError

if TYPE_CHECKING:
    from phonon.hooks.phonon import OutboundCall

ClientIdentifier = Annotated[
    str, Shape(r"[A-Za-z0-9_.:\-]{1,64}", "1 to 64 letters, digits, '_', '.', ':' or '-' that name the call")
]

_FLOW_ID: TypeAdapter[str] = TypeAdapter(FlowId)
_FLOW_VARIABLE: TypeAdapter[str] = TypeAdapter(FlowVariable)
_CLIENT_IDENTIFIER: TypeAdapter[str] = TypeAdapter(ClientIdentifier)


def checked_flow_id(flow_id: object) -> str:
    """``flow_id`` as it is. Raises ConfigurationError if it cannot be one."""
    return _shaped(_FLOW_ID, flow_id, "flow_id")


def frozen_calls(calls: Sequence[OutboundCall], now: datetime) -> bytes:
    """The ``calls`` array of a request. ``now``, which is aware, is the start of calls that have none.

    Raises ConfigurationError that names the call by its place (from 1) and the field, and says what to give
    instead; it shows no value, because any can hold a phone number.
    """
    encoded, places = [], dict[str, int]()
    for place, call in enumerate(calls, start=1):
        name = _shaped(_CLIENT_IDENTIFIER, call.client_identifier, f"Call {place}, client_identifier")
        if places.setdefault(name, place) != place:
            raise _refusal(
                f"Call {place}, client_identifier: the same as that of call {places[name]}. Phonon's answer tells "
                "calls apart by it; give each its own"
            )
        encoded.append(
            encode_call(
                name,
                _start_time(call.start_time, now, f"Call {place}, start_time"),
                _numbers(call.contact_numbers, f"Call {place}, contact_numbers"),
                _keys(call.variables, f"Call {place}, variables"),
            )
        )
    return freeze(encoded)


def _start_time(at: object, now: datetime, where: str) -> str:
    if at is None:
        return encode_start_time(now)
    if not isinstance(at, datetime) or at.tzinfo is None or at.utcoffset() is None:  # pandas' NaT has no tzinfo
        raise _refusal(
            f"{where}: expected a datetime with a timezone, like datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("
            f'"Asia/Kolkata")), or None for now; found {_kind(at)}'
        )
    try:
        day = at.astimezone(IST).date()
    except OverflowError:
        raise _refusal(
            f"{where}: out of range. Give a time that Indian clocks will show, or None for now"
        ) from None
    if day < now.astimezone(IST).date():
        raise _refusal(
            f"{where}: its date is past in India, which Phonon refuses. Give a later one, or None for now"
        )
    return encode_start_time(at)


def _kind(value: object) -> str:
    return "one without" if isinstance(value, datetime) else f"a {type(value).__name__}"


def _numbers(values: object, where: str) -> list[str]:
    """The numbers in their order, repeats removed."""
    if not isinstance(values, Sequence) or isinstance(values, str | bytes | bytearray):
        raise _refusal(f"{where}: expected a list of phone numbers, also for one; found a {type(values).__name__}")
    numbers = dict[str, None]()
    for place, value in enumerate(values, start=1):
        found = numbers_of(value)
        if isinstance(found, NumberFault):
            raise _refusal(
                f"{where}: entry {place} is not an Indian mobile number ({found.value}). Give ten digits, with or "
                "without +91, or leave it out"
            )
        numbers |= dict.fromkeys(found)
    if not 1 <= len(numbers) <= MAX_NUMBERS:
        raise _refusal(f"{where}: expected 1 to {MAX_NUMBERS} different phone numbers; found {len(numbers)}")
    return list(numbers)


def _keys(variables: object, where: str) -> list[tuple[str, str]]:
    """Flow variables and their texts, in order."""
    if not isinstance(variables, Mapping):
        raise _refusal(
            f"{where}: expected a mapping of flow variables to values; found a {type(variables).__name__}"
        )
    keys = []
    for place, (variable, value) in enumerate(variables.items(), start=1):
        name = _shaped(_FLOW_VARIABLE, variable, f"{where}, name {place}")
        text = text_of(value)
        if isinstance(text, TextFault):
            raise _refusal(
                f"{where}, value {place}: {text.value}. Give text, a number, a date, a boolean, or None for empty"
            )
        keys.append((name, text or ""))
    return keys


def _shaped(shape: TypeAdapter[str], value: object, where: str) -> str:
    try:
        return shape.validate_python(value, strict=True)
    except ValidationError as error:
        context: Mapping[str, Any] = error.errors(include_url=False)[0].get("ctx", {})
        found = f"{len(value)} characters of text" if isinstance(value, str) else f"a {type(value).__name__}"
        raise _refusal(f"{where}: expected {context.get('expected', 'text')}; found {found}") from None


def _refusal(problem: str) -> ConfigurationError:
    return ConfigurationError(f"{problem}. Nothing was sent.")
