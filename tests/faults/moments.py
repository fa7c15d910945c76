"""Doing something when a sender reaches a labelled point of the protocol."""

from __future__ import annotations

from collections.abc import Callable

from phonon.dispatch.points import Point

Observer = Callable[[Point], None]
Observed = Callable[[Observer], None]


def at_the_second(wanted: Point, do: Callable[[], None]) -> Observer:
    """Does something once: when a point is reached for the second time."""
    passed = 0

    def reached(point: Point) -> None:
        nonlocal passed
        if point is wanted:
            passed += 1
            if passed == 2:
                do()

    return reached
