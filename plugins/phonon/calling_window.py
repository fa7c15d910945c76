"""When people may be called: a stretch of the day, on some days of the week, on the clocks of one timezone.

The lowest layer: imports the standard library, and the errors, only.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from phonon.errors import ConfigurationError

CLOSING_MARGIN = timedelta(seconds=60)
"""Nothing that dials at once is sent this close to the end of a window or day: it may dial a little later."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

_SEARCHED_DAYS = 22
"""A weekly window can lose one week to a clock change, and another to a date that a zone skipped."""

_SEARCHES = 34
"""Holidays can close a window for longer than that, so it is searched for again: for two years in all."""


class Outside(StrEnum):
    """What becomes of a call whose moment is outside the calling window."""

    NEXT_WINDOW = "next_window"
    """It is handed over with a start-time in the next window."""
    WAIT = "wait"
    """It starts in the next window as well, and is not even handed over before that is open."""
    DROP = "drop"
    """It is not made."""


class NeverOpenError(ConfigurationError):
    """A calling window that holidays keep closed for years."""


class Weekday(StrEnum):
    """A day of the week, in the order and with the names that campaigns use."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"

    @classmethod
    def of(cls, day: date) -> Weekday:
        """Return the weekday of ``day``, as it is on the calendar (a datetime is not converted first)."""
        return _IN_ORDER[day.weekday()]


_IN_ORDER = tuple(Weekday)

EVERY_DAY = frozenset(Weekday)
"""All seven days."""


@dataclass(frozen=True)
class Holidays:
    """Dates on which nobody is called: single ones, and those of calendars that are asked one date at a time."""

    dates: frozenset[date] = frozenset()
    calendars: tuple[Container[date], ...] = ()

    def __contains__(self, day: object) -> bool:
        """Tell whether ``day``, a plain date, is a holiday."""
        return day in self.dates or any(day in calendar for calendar in self.calendars)

    def __str__(self) -> str:
        return ", ".join([*map(str, sorted(self.dates)), *map(str, self.calendars)])


NO_HOLIDAYS = Holidays()
"""Every date is a day like any other."""


@dataclass(frozen=True)
class CallingWindow:
    """The instants at which a clock on a wall in ``timezone`` shows a time that is open, on a day that is open.

    Open from ``open`` (included) to ``close`` (excluded), both on the same day. Being defined by the clock on
    the wall, a window that lies in an hour that summer time skips does not open on that day, and one that lies
    in an hour that is repeated opens twice. A date of ``holidays`` is one on that wall's calendar.

    :raises ValueError: if ``open`` is not before ``close``, a time carries a timezone of its own, or no day is
        open.
    """

    open: time
    close: time
    days: frozenset[Weekday]
    timezone: ZoneInfo
    holidays: Holidays = NO_HOLIDAYS

    def __post_init__(self) -> None:
        if self.open.tzinfo is not None or self.close.tzinfo is not None:
            raise ValueError("The times of a calling window are plain; its timezone is a field of its own.")
        if self.open >= self.close:
            raise ValueError(
                f"A calling window opens before it closes, on the same day; not {self.open} to {self.close}."
            )
        if not self.days:
            raise ValueError("A calling window needs at least one day.")

    def __str__(self) -> str:
        days = "" if self.days == EVERY_DAY else " on " + ", ".join(d for d in Weekday if d in self.days)
        holidays = "" if self.holidays == NO_HOLIDAYS else f" except {self.holidays}"
        return f"{_clock(self.open)}-{_clock(self.close)} {self.timezone.key}{days}{holidays}"

    def is_open(self, at: datetime) -> bool:
        """Tell whether a call may start at ``at``, an aware datetime in any zone.

        :raises ValueError: if ``at`` is naive.
        """
        local = _utc(at).astimezone(self.timezone)
        on_wall = Weekday.of(local) in self.days and self.open <= local.time() < self.close
        return on_wall and local.date() not in self.holidays

    def next_open(self, at: datetime) -> datetime:
        """Return ``at`` itself if the window is open then, else the start of the next window, in its zone.

        :raises ValueError: if ``at`` is naive.
        :raises NeverOpenError: if holidays keep it closed for two years.
        """
        if self.is_open(at):
            return at
        after = _utc(at)
        for search in range(_SEARCHES):
            around = after + search * _SEARCHED_DAYS * _DAY
            # In order, so that no holiday is asked for that lies behind the opening: its calendar may end before.
            for start in sorted(self._edges(around, self.open)):
                if start > after and self.is_open(start):
                    return start.astimezone(self.timezone)
        raise NeverOpenError(
            f"The calling window {self} does not open in the two years after {at.isoformat()}. Remove some of "
            f"its holidays, or allow more days of the week."
        )

    def closes_at(self, at: datetime) -> datetime:
        """Return the end of the window that is open at ``at``, in its zone: the first instant not open again.

        :raises ValueError: if ``at`` is naive, or the window is not open then.
        """
        if not self.is_open(at):
            raise ValueError(f"The calling window {self} is not open at {at.isoformat()}.")
        after = _utc(at)
        ends = (end for end in self._edges(after, self.close, days=2) if end > after and not self.is_open(end))
        return min(ends).astimezone(self.timezone)

    def _edges(self, after: datetime, clock: time, *, days: int = _SEARCHED_DAYS) -> Iterator[datetime]:
        """Yield, in UTC and in no order, the instants near ``after`` at which the window can open or close.

        These are those at which the wall shows ``clock``, and those at which the wall's clock is changed.
        """
        today = after.astimezone(self.timezone).date()
        dates = [today + n * _DAY for n in range(-1, days + 1)]
        for day in dates:
            wall = datetime.combine(day, clock, self.timezone)
            yield wall.astimezone(UTC)
            yield wall.replace(fold=1).astimezone(UTC)
        midnights = [datetime.combine(day, time(), UTC) for day in (dates[0] - _DAY, *dates, dates[-1] + _DAY)]
        yield from _clock_changes(midnights, self.timezone)


def _clock_changes(instants: Iterable[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the first instant of each new UTC offset, for the ascending ``instants`` that offsets differ between.

    Between neighbours (a day apart) at most one change is looked for: no zone changes its clocks twice in a day.
    """
    for before, after in pairwise(instants):
        old, low, high = _offset(before, zone), before, after
        if _offset(after, zone) == old:
            continue
        while high - low > _SECOND:
            middle = low + (high - low) // (2 * _SECOND) * _SECOND
            low, high = (middle, high) if _offset(middle, zone) == old else (low, middle)
        yield high


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"A calling window needs a datetime with a timezone; {at.isoformat()} has none.")
    return at.astimezone(UTC)


def _clock(at: time) -> str:
    return at.isoformat("auto" if at.second or at.microsecond else "minutes")
