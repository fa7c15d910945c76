"""What the single values of a campaign file look like, and what to say about one that does not.

Each type accepts what the file's YAML gives and what Python code would naturally pass, and carries its own JSON
schema. A wrong value is refused with :func:`wrong`, so that a reader is told what was expected in words rather
than by a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from phonon.campaign.read_only import READ_ONLY_CURE, why_not_read
from phonon.duration import UNITS, duration_text

CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
"""A time of day, as it is written in a campaign file."""

CLOCK_EXPECTED = 'a time of day in quotes, like "10:00"'

_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]{0,62}"
_INK = r"[^\s\x00-\x1F\x7F]"
_ONE_LINE = rf"{_INK}([^\x00-\x1F\x7F]*{_INK})?"


def wrong(expected: str, *, choices: Iterable[str] = (), at: Iterable[str] = ()) -> PydanticCustomError:
    """Return the error to raise for a value that is not what it should be.

    :param expected: what the value should have been, to stand after "expected".
    :param choices: all the values there are, if they can be listed; the nearest one is suggested.
    :param at: keys that lead from the value that is being checked to the one that is wrong.
    """
    context = {"expected": expected, "choices": tuple(choices), "at": tuple(at)}
    return PydanticCustomError("wrong", "expected {expected}", context)


def clash(sentence: str, *, at: Iterable[str] = ()) -> PydanticCustomError:
    """Return the error to raise for a value that is fine by itself but not together with another one."""
    return PydanticCustomError("clash", "{sentence}", {"sentence": sentence, "at": tuple(at)})


@dataclass(frozen=True)
class Shape:
    """Annotates a text that must match a pattern as a whole."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the pattern after the type."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show the pattern in the JSON schema."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}

    def _check(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise wrong(self.expected)
        return text


DagId = Annotated[
    str,
    Shape(
        r"(?!.*\.\.)[A-Za-z][A-Za-z0-9_.\-]{0,99}",
        "a Dag id: a letter, then at most 99 letters, digits, '_', '-' or single '.'",
    ),
]

Column = Annotated[str, Shape(_ONE_LINE, "the name of a column of the contacts query")]

FlowVariable = Annotated[
    str,
    Shape(rf"(?!\$){_ONE_LINE}", "the name of a flow variable, without '$flow.key.'"),
]

FlowId = Annotated[str, Shape(r"[A-Za-z0-9]{8}", "the flow's id: exactly 8 letters and digits")]

TableName = Annotated[
    str,
    Shape(rf"{_IDENTIFIER}(\.{_IDENTIFIER})?", "a table, or schema.table, of letters, digits and '_'"),
]

ConnectionId = Annotated[str, Shape(r"[A-Za-z0-9_.:\-]{1,200}", "the id of an Airflow connection")]

Line = Annotated[str, Shape(_ONE_LINE, "one line of text")]

AssetUri = Annotated[
    str,
    Shape(
        r"(?![Aa][Ii][Rr][Ff][Ll][Oo][Ww]:)[!-~]{1,1500}",
        "the URI of an Airflow asset: printable ASCII without spaces, and no 'airflow:' scheme",
    ),
]


def _time_of_day(value: object) -> time:
    if isinstance(value, time) and value == time(value.hour, value.minute):
        return value
    if isinstance(value, str) and re.fullmatch(CLOCK, value):
        return time.fromisoformat(value)
    raise wrong(CLOCK_EXPECTED)


TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    PlainSerializer(lambda clock: f"{clock:%H:%M}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{CLOCK}$"}),
]


def calendar_date(value: object) -> date:
    """Return the date that a value of a file or of Python code stands for, or refuse it."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise wrong("a date that exists, like 2026-11-01")


CalendarDate = Annotated[date, BeforeValidator(calendar_date), WithJsonSchema({"type": "string", "format": "date"})]


_DURATION = r"[1-9][0-9]{0,6}[smhd]"
DURATION_EXPECTED = "a length of time, like 30s, 10m, 4h or 2d"


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta) and value >= UNITS["s"] and value % UNITS["s"] == timedelta():
        return value
    if isinstance(value, str) and re.fullmatch(_DURATION, value):
        return int(value[:-1]) * UNITS[value[-1]]
    raise wrong(DURATION_EXPECTED)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION}$"}),
]


def _timezone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    zones = _zones()
    if isinstance(value, str) and value in zones:
        return ZoneInfo(value)
    raise wrong("a timezone of the IANA database, like Asia/Kolkata", choices=sorted(zones))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


Timezone = Annotated[ZoneInfo, BeforeValidator(_timezone), WithJsonSchema({"type": "string"})]


def _sql(value: object) -> str:
    if not isinstance(value, str):
        raise wrong("a path under include/ that ends in .sql, or SQL with a SELECT")
    if "\0" in value:
        raise wrong("SQL without NUL characters")
    if not is_sql_path(value) and re.search(r"\bselect\b", without_comments(value), re.IGNORECASE) is None:
        raise wrong("a path under include/ that ends in .sql, or SQL with a SELECT")
    objection = None if is_sql_path(value) else why_not_read(value)
    if objection is not None:
        raise clash(f"This is no query: {objection}. {READ_ONLY_CURE}")
    return value


SqlOrPath = Annotated[str, BeforeValidator(_sql)]


def _query(value: object) -> str:
    if not isinstance(value, str) or is_sql_path(value):
        raise wrong("SQL with a SELECT")
    return _sql(value)


SqlQuery = Annotated[str, BeforeValidator(_query)]


def is_sql_path(text: str) -> bool:
    """Tell whether a query is given by the path of its file (one line that ends in ``.sql``) or is SQL itself."""
    stripped = text.strip()
    return "\n" not in stripped and stripped.lower().endswith(".sql")


def without_comments(sql: str) -> str:
    """Return SQL without its comments, roughly: enough to see whether there is anything else in it."""
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)
