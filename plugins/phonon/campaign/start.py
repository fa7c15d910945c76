"""When a campaign's calls start: at once, at a time of day, or when a column of the contacts says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter, WithJsonSchema

from phonon.calling_window import CLOSING_MARGIN, CallingWindow
from phonon.campaign.shapes import CLOCK, CLOCK_EXPECTED, Column, clash, wrong


@dataclass(frozen=True)
class StartNow:
    """As soon as the call is sent, or when the next window opens."""

    def __str__(self) -> str:
        return "now"


@dataclass(frozen=True)
class StartAtTime:
    """At a time of day, on the clocks of the calling window."""

    clock: time

    def __str__(self) -> str:
        return f"{self.clock:%H:%M}"


@dataclass(frozen=True)
class StartAtColumn:
    """When the contact's row says."""

    column: str

    def __str__(self) -> str:
        return self.column


_COLUMN: TypeAdapter[str] = TypeAdapter(Column)
_EXPECTED = f"now, {CLOCK_EXPECTED}, or the name of a column"


def _start(value: object) -> StartNow | StartAtTime | StartAtColumn:
    if isinstance(value, StartNow | StartAtTime | StartAtColumn):
        return value
    if not isinstance(value, str) or not value.strip():
        raise wrong(_EXPECTED)
    if value == "now":
        return StartNow()
    if re.fullmatch(CLOCK, value):
        return StartAtTime(time.fromisoformat(value))
    if value[0].isdigit() or value.lower() == "now":
        raise wrong(_EXPECTED, choices=["now"])
    return StartAtColumn(_COLUMN.validate_python(value))


StartAt: TypeAlias = Annotated[
    StartNow | StartAtTime | StartAtColumn,
    BeforeValidator(_start),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""A start, given as text: ``now``, ``HH:MM``, or else a column."""

_SOME_DAY = date(2026, 1, 1)


def check_start(start: StartNow | StartAtTime | StartAtColumn, window: CallingWindow) -> None:
    """Refuse a time of day at which the window is never open, or about to close.

    :raises PydanticCustomError: that names ``start_at``.
    """
    if not isinstance(start, StartAtTime) or start.clock == window.open:
        return
    latest = (datetime.combine(_SOME_DAY, window.close) - CLOSING_MARGIN * 2).time()
    if not window.open < start.clock <= latest:
        raise clash(
            f"No call starts at {start}: the calling window is {window.open:%H:%M}-{window.close:%H:%M}. Give a "
            f"time from {window.open:%H:%M} to {max(latest, window.open):%H:%M}, or another window.",
            at=["start_at"],
        )
