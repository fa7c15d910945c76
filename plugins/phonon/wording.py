"""Counts, moments and lengths of time as people read them. Imports the standard library only."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun: ``1 call``, ``1,200 calls``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def in_zone(moment: datetime, zone: ZoneInfo) -> str:
    """Return an aware moment on the clocks of a zone, with its name: ``2026-11-27 10:00 (Asia/Kolkata)``."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"


def span(seconds: float) -> str:
    """Return a length of time in its two largest units, rounded down: ``20 h 14 min``, ``2 days 3 h``, ``40 s``."""
    whole = int(seconds)
    if whole < 1:
        return "less than a second"
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        minutes = whole % _HOUR // _MINUTE
        return f"{whole // _HOUR} h" + (f" {minutes} min" if minutes else "")
    hours = whole % _DAY // _HOUR
    return counted(whole // _DAY, "day") + (f" {hours} h" if hours else "")
