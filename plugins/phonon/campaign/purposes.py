"""Why people are called, and the hours that each purpose allows. A campaign may narrow them, never widen."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

from phonon.calling_window import EVERY_DAY, CallingWindow

INDIA = ZoneInfo("Asia/Kolkata")
"""The clock that the hours of every purpose are on."""

_DAY = timedelta(days=1)
_MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET_YEARS = range(2026, 2046)


class Purpose(StrEnum):
    """Why people are called."""

    PROMOTIONAL = "promotional"
    SERVICE = "service"
    TRANSACTIONAL = "transactional"
    RECOVERY = "recovery"

    @property
    def preset(self) -> CallingWindow:
        """The widest window a campaign of this purpose may have."""
        return _PRESETS[self]


_PRESETS = {
    purpose: CallingWindow(time(opens), time(closes), EVERY_DAY, INDIA)
    for purpose, opens, closes in (
        (Purpose.PROMOTIONAL, 10, 21),
        (Purpose.SERVICE, 9, 21),
        (Purpose.TRANSACTIONAL, 9, 21),
        (Purpose.RECOVERY, 8, 19),
    )
}


@cache
def offsets_of(zone: ZoneInfo) -> frozenset[timedelta]:
    """Return every distance from UTC that ``zone`` has at some time of the year, summer and winter.

    Sampled twice a month over twenty years, because a timezone database has rules but no list of offsets. The
    years are fixed, so that a campaign file is not valid today and invalid tomorrow.
    """
    samples = (
        datetime(year, month, day, 12, tzinfo=UTC)
        for year in _OFFSET_YEARS
        for month in range(1, 13)
        for day in (1, 15)
    )
    return frozenset(at.astimezone(zone).utcoffset() or timedelta() for at in samples)


def on_indian_clock(zone: ZoneInfo) -> bool:
    """Tell whether a wall clock in ``zone`` always shows what one in India shows."""
    return offsets_of(zone) == offsets_of(INDIA)


def what_is_wider(window: CallingWindow, preset: CallingWindow) -> str | None:
    """Say which hours of ``window`` lie outside ``preset``, or return None if it stays inside on every day.

    A window of a zone with summer time has to stay inside at each of the zone's offsets from UTC.

    :param preset: the window of a purpose: on Indian clocks, open on all days.
    """
    for offset in sorted(offsets_of(window.timezone)):
        opens, closes = _in_india(window.open, offset), _in_india(window.close, offset)
        if not (preset.open <= opens < closes <= preset.close):
            indian = f"{opens:%H:%M}-{closes:%H:%M} {INDIA.key}"
            here = f"{window.open:%H:%M}-{window.close:%H:%M} {window.timezone.key}"
            return indian if on_indian_clock(window.timezone) else f"{here} ({indian} at {_utc(offset)})"
    return None


def _in_india(clock: time, offset: timedelta) -> time:
    """Return what Indian clocks show when those at ``offset`` from UTC show ``clock``.

    A window that passes midnight in India closes before it opens there, which no preset contains.
    """
    (indian,) = offsets_of(INDIA)
    since_midnight = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
    return (_MIDNIGHT + (since_midnight - offset + indian) % _DAY).time()


def _utc(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
