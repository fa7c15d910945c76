"""When a call may start: inside the calling window, and never so late that it could slip out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from phonon.api.request import IST
from phonon.calling_window import CLOSING_MARGIN, CallingWindow, Outside

__all__ = [
    "CLOSING_MARGIN",
    "NotATimeError",
    "Start",
    "StartTimes",
    "earliest_start",
    "last_sending_time",
    "next_window",
]

_FARTHEST = timedelta(days=366)


class NotATimeError(ValueError):
    """A value of a ``start_at`` column that is not a time."""


def earliest_start(window: CallingWindow, at: datetime, margin: timedelta = CLOSING_MARGIN) -> datetime:
    """The first moment, from ``at`` on, at which a call may be told to start: not within ``margin`` of a close."""
    if not window.is_open(at):
        return window.next_open(at)
    closes = window.closes_at(at)
    return at if at + margin < closes else window.next_open(closes)


def next_window(window: CallingWindow, at: datetime) -> datetime:
    """The start of the first window that opens after ``at``, in the window's time zone."""
    return window.next_open(window.closes_at(at) if window.is_open(at) else at)


def last_sending_time(starts_at: datetime) -> datetime:
    """Until when a batch whose first call starts then can be sent: Phonon refuses dates that are past."""
    day = starts_at.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1) - CLOSING_MARGIN).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Start:
    """When a call starts, always inside the window, and whether the campaign would rather not make it then."""

    at: datetime
    dropped: bool = False
    """The moment that was asked for is outside the window, and the campaign drops such calls."""


class StartTimes:
    """Finds the start of each call of a chunk.

    :param start_at: time of day for all calls, in the window's time zone; None is now.
    :param now: aware.
    """

    def __init__(
        self, window: CallingWindow, start_at: time | None, now: datetime, outside: Outside = Outside.NEXT_WINDOW
    ) -> None:
        self._window = window
        self._now = now.replace(microsecond=0)
        self._drops = outside is Outside.DROP
        self._default = self._inside(self._today(start_at) if start_at is not None else self._now)
        self._found: dict[object, Start] = {}

    def of(self, value: object) -> Start:
        """The start for one contact; ``value`` of its ``start_at`` column, or None for the campaign's own.

        A datetime without an offset, or a time of day, is on the clock of the window's time zone. What is past
        is now, and what is outside the window is the start of the next one. A date, or its midnight, asks for that
        day: its window is not outside.
        """
        if value is None:
            return self._default
        try:
            found = self._found.get(value)
        except TypeError:
            raise NotATimeError("not a time") from None
        if found is None:
            found = self._found[value] = self._inside(self._read(value))
        return found

    def _read(self, value: object) -> datetime:
        if isinstance(value, str):
            value = _parse(value)
        if isinstance(value, time):
            return self._today(value)
        if not isinstance(value, datetime):
            if not isinstance(value, date):
                raise NotATimeError("not a time")
            value = datetime.combine(value, time())
        aware = value if value.tzinfo else value.replace(tzinfo=self._window.timezone)
        if aware > self._now + _FARTHEST:
            raise NotATimeError("more than a year ahead")
        return aware.replace(microsecond=0)

    def _today(self, at: time) -> datetime:
        today = self._now.astimezone(self._window.timezone).date()
        return datetime.combine(today, at.replace(tzinfo=None), self._window.timezone)

    def _inside(self, asked: datetime) -> Start:
        at = max(asked, self._now)
        start = earliest_start(self._window, at)
        return Start(start, dropped=self._drops and start != at and not self._is_day_of(start, asked))

    def _is_day_of(self, start: datetime, asked: datetime) -> bool:
        """Whether a day was asked for, as midnight on the window's clock, and the call starts on it."""
        day, found = asked.astimezone(self._window.timezone), start.astimezone(self._window.timezone)
        return day.time() == time() and day.date() == found.date()


def _parse(text: str) -> datetime | time:
    for read in (datetime.fromisoformat, time.fromisoformat):
        try:
            return read(text.strip())
        except ValueError:
            continue
    raise NotATimeError("not a time")
