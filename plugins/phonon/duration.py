"""Lengths of time as people write and read them. The lowest layer: imports the standard library only."""

from __future__ import annotations

from datetime import timedelta

UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
"""What a campaign file measures time in, from the smallest on."""

_WORDS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


def duration_text(length: timedelta) -> str:
    """Return a length of time as a campaign file has it, in the largest unit that is exact: ``2d``, ``90m``."""
    name, unit = next((name, unit) for name, unit in reversed(UNITS.items()) if length % unit == timedelta())
    return f"{length // unit}{name}"


def duration_words(length: timedelta) -> str:
    """Return a length of time in words: ``2 days``, ``1 hour``."""
    text = duration_text(length)
    count, word = text[:-1], _WORDS[text[-1]]
    return f"{count} {word}" if count == "1" else f"{count} {word}s"
