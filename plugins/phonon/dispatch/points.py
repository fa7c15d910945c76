"""The labelled points of the sending protocol, at which a test can end the process."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """Where a sender may be when it dies, in the order of the protocol."""

    BEFORE_TAKE = "before_take"
    AFTER_TAKE = "after_take"
    """SENDING is committed, nothing is written yet."""
    AFTER_ANSWER = "after_answer"
    """Phonon has answered, nothing is recorded yet."""
    BEFORE_RECORD = "before_record"
    AFTER_RECORD = "after_record"


_observers: list[Callable[[Point], None]] = []


def observe(observer: Callable[[Point], None]) -> None:
    """Have a function called at every point, in the thread that reaches it."""
    _observers.append(observer)


def reached(point: Point) -> None:
    """Tell the observers, of which there are none outside tests."""
    for observer in _observers:
        observer(point)
