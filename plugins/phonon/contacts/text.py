"""Any value as the text that a flow variable carries (contract, "From a row to a call")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import singledispatch
from types import NoneType
from typing import Any, TypeAlias

import numpy as np
import orjson
import pandas as pd

from phonon.contacts.kinds import Objects, by_kind, python_values

MAX_DIGITS = 4300
"""Digits of the longest number that is written out; Python's own limit for integers."""

_PLAIN = re.compile("[0-9.]*")


class TextFault(Enum):
    """Why a value has no text."""

    NOT_FINITE = "not a finite number"
    NOT_TEXT = "not valid text"
    TOO_LONG = "too long"


Text: TypeAlias = str | TextFault | None
"""A value's text, ``None`` for a null, or why there is no text."""


@dataclass(frozen=True)
class Texts:
    """A column as text: ``texts`` holds ``str``, or ``None`` for a null and for each position in ``faults``."""

    texts: Objects
    faults: Mapping[int, TextFault]


def text_of(value: object) -> Text:
    """One value as text; never raises."""
    return _follow(_rule.dispatch(type(value)), value)


def texts_of(column: pd.Series) -> Texts:
    """A column of any dtype as text; the same as ``text_of`` of each value."""
    if _holds_datetimes(column):
        return Texts(_datetimes(column), {})
    values = python_values(column)
    texts = np.empty(len(values), dtype=object)
    for kind, at in by_kind(values):
        texts[at] = _texts_of_kind(kind, values[at])
    if TextFault not in set(map(type, texts)):
        return Texts(texts, {})
    faults = {position: text for position, text in enumerate(texts) if isinstance(text, TextFault)}
    texts[list(faults)] = None
    return Texts(texts, faults)


def _follow(rule: Callable[[Any], Text], value: object) -> Text:
    try:
        return rule(value)
    except Exception:  # noqa: BLE001 - a foreign type's methods may raise anything; its row is invalid, the rest go on
        return TextFault.NOT_TEXT


def _texts_of_kind(kind: type, values: Objects) -> Objects | Sequence[Text]:
    if kind is str and _is_encodable("".join(values)):
        return values
    if kind is float:
        return _floats(values)
    if kind is Decimal and (plain := _plain_decimals(values)):
        return plain
    rule = _rule.dispatch(kind)
    if kind is date:  # of which a column has few, and equal ones have the same text
        texts = {value: _follow(rule, value) for value in set(values)}
        return [texts[value] for value in values]
    return [_follow(rule, value) for value in values]


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _floats(values: Objects) -> Objects:
    numbers = values.astype(np.float64)
    # Up to 2**53 every whole float is the integer it looks like.
    whole = (np.abs(numbers) < 2**53) & (numbers == np.trunc(numbers))
    texts = np.empty(len(values), dtype=object)
    texts[whole] = list(map(str, numbers[whole].astype(np.int64).tolist()))
    # Python writes these without an exponent and with decimals, all of a list in one go.
    plain = ~whole & (np.abs(numbers) >= 1e-4) & (np.abs(numbers) < 2**53)
    if plain.any():
        texts[plain] = repr(numbers[plain].tolist())[1:-1].split(", ")
    odd = ~(whole | plain)
    texts[odd] = list(map(_of_float, numbers[odd].tolist()))
    return texts


def _plain_decimals(values: Objects) -> list[Text] | None:
    """The texts of decimals, if each is one that Python writes as it is: no exponent, no sign, not too long."""
    texts = list(map(str, values))
    plain = _PLAIN.fullmatch("".join(texts)) and max(map(len, texts)) <= MAX_DIGITS
    return [*texts] if plain else None


def _holds_datetimes(column: pd.Series) -> bool:
    dtype = column.dtype
    return isinstance(dtype, pd.DatetimeTZDtype) or (isinstance(dtype, np.dtype) and dtype.kind == "M")


def _datetimes(column: pd.Series) -> Objects:
    # Seconds first: near the ends of what nanoseconds reach, a change of offset would overflow.
    seconds = column.dt.as_unit("s")
    local = seconds.dt.tz_localize(None).to_numpy()
    texts: Objects = np.datetime_as_string(local).astype(object)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        utc = seconds.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        offsets, which = np.unique((local - utc).astype(np.int64), return_inverse=True)
        texts += np.array([_offset_text(offset) for offset in offsets.tolist()], dtype=object)[which]
    texts[np.isnat(local)] = None
    return texts


def _offset_text(seconds: int) -> str:
    """An offset from UTC as ISO writes it; empty for what stands for the offset of a null."""
    if abs(seconds) >= 86_400:
        return ""
    return datetime(2000, 1, 1, tzinfo=timezone(timedelta(seconds=seconds))).isoformat()[19:]


@singledispatch
def _rule(value: object) -> Text:
    return _of_str(str(value))


@_rule.register(NoneType)
@_rule.register(type(pd.NaT))
@_rule.register(type(pd.NA))
def _of_null(_: object) -> Text:
    return None


@_rule.register(str)
def _of_str(value: str) -> Text:
    text = str.__str__(value)
    return text if _is_encodable(text) else TextFault.NOT_TEXT


@_rule.register(bytes)
@_rule.register(bytearray)
@_rule.register(memoryview)
def _of_bytes(value: bytes) -> Text:
    return bytes(value).decode()


@_rule.register(bool)
@_rule.register(np.bool_)
def _of_bool(value: object) -> Text:
    return "true" if value else "false"


@_rule.register(int)
@_rule.register(np.integer)
def _of_int(value: int) -> Text:
    try:
        return str(int(value))
    except ValueError:
        return TextFault.TOO_LONG


@_rule.register(float)
@_rule.register(np.float64)
def _of_float(value: float) -> Text:
    if value != value:  # noqa: PLR0124 - what only a NaN does
        return None
    if value in {float("inf"), float("-inf")}:
        return TextFault.NOT_FINITE
    text = float.__repr__(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return _without_negative_zero(text.removesuffix(".0"))


@_rule.register(np.floating)
def _of_other_precision(value: np.floating[Any]) -> Text:
    if np.isnan(value):
        return None
    if np.isinf(value):
        return TextFault.NOT_FINITE
    return _without_negative_zero(np.format_float_positional(value, unique=True, trim="-"))


@_rule.register(Decimal)
def _of_decimal(value: Decimal) -> Text:
    if value.is_nan():
        return None
    if value.is_infinite():
        return TextFault.NOT_FINITE
    _, digits, exponent = value.as_tuple()
    # Checked before writing it out: 1E+999999999 would fill the memory.
    if max(len(digits), len(digits) + int(exponent), -int(exponent)) > MAX_DIGITS:
        return TextFault.TOO_LONG
    return _without_negative_zero(format(value, "f"))


def _without_negative_zero(text: str) -> str:
    return text if text.strip("-0.") else text.removeprefix("-")


@_rule.register(datetime)
def _of_datetime(value: datetime) -> Text:
    return value.isoformat(timespec="seconds")


@_rule.register(date)
def _of_date(value: date) -> Text:
    return value.isoformat()


@_rule.register(time)
def _of_time(value: time) -> Text:
    return value.isoformat(timespec="seconds")


@_rule.register(np.datetime64)
def _of_datetime64(value: np.datetime64) -> Text:
    return None if np.isnat(value) else str(np.datetime_as_string(value, unit="s", casting="unsafe"))


@_rule.register(pd.Timedelta)
def _of_timedelta(value: pd.Timedelta) -> Text:
    return str(value.to_pytimedelta())


@_rule.register(np.timedelta64)
def _of_timedelta64(value: np.timedelta64) -> Text:
    return text_of(pd.Timedelta(value))


@_rule.register(list)
@_rule.register(tuple)
@_rule.register(dict)
@_rule.register(set)
@_rule.register(frozenset)
@_rule.register(np.ndarray)
def _of_nested(value: object) -> Text:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_OMIT_MICROSECONDS
    return orjson.dumps(value, default=_nested_part, option=options).decode()


def _nested_part(value: object) -> object:
    """What stands in JSON for a value that JSON has no form for; raises where it has no text either."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)  # the order of a set differs from process to process
    text = text_of(value)
    if isinstance(text, TextFault):
        raise TypeError(text.value)
    return text
