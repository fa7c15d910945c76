"""When a call may start: inside the calling window, and never so late that it could slip out of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from phonon.api.request import IST
from phonon.calling_window import CallingWindow

CLOSING_MARGIN = timedelta(seconds=60)
"""Nothing that dials at once is sent this close to the end of a window or day: it may dial a little later."""

_FARTHEST = timedelta(days=366)


class NotATimeError(ValueError):
    """A value of a ``start_at`` column that is not a time."""


def earliest_start(window: CallingWindow, at: datetime, margin: timedelta = CLOSING_MARGIN) -> datetime:
    """The first moment, from ``at`` on, at which a call may be told to start: not within ``margin`` of a close."""
    if not window.is_open(at):
        return window.next_open(at)
    closes = window.closes_at(at)
    return at if at + margin < closes else window.next_open(closes)


def last_sending_time(starts_at: datetime) -> datetime:
    """Until when a batch whose first call starts then can be sent: Phonon refuses dates that are past."""
    day = starts_at.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1) - CLOSING_MARGIN).astimezone(UTC)


class StartTimes:
    """Finds the start of each call of a chunk.

    :param start_at: time of day for all calls, in the window's time zone; None is now.
    :param now: aware.
    """

    def __init__(self, window: CallingWindow, start_at: time | None, now: datetime) -> None:
        self._window = window
        self._now = now.replace(microsecond=0)
        self._default = self._inside(self._today(start_at) if start_at else self._now)
        self._found: dict[object, datetime] = {}

    def of(self, value: object) -> datetime:
        """The start for one contact; ``value`` of its ``start_at`` column, or None for the campaign's own.

        A datetime without an offset, or a time of day, is on the clock of the window's time zone. What is past
        is now, and what is outside the window is the start of the next one.
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

    def _inside(self, at: datetime) -> datetime:
        return earliest_start(self._window, max(at, self._now))


def _parse(text: str) -> datetime | time:
    for read in (datetime.fromisoformat, time.fromisoformat):
        try:
            return read(text.strip())
        except ValueError:
            continue
    raise NotATimeError("not a time")
