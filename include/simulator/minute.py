"""Sixty seconds that slide: how much is in the last of them, and how much was ever in any of them.

A window is sixty seconds long and holds its end but not its beginning, so two requests exactly sixty seconds
apart are never in one. Times are whole microseconds since 1970: exact, and small to keep for a whole run.
"""

from __future__ import annotations

from array import array
from collections import deque
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
WINDOW = 60_000_000
"""Microseconds in the window."""


def microseconds(moment: datetime) -> int:
    """Return an aware time as whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


class SlidingMinute:
    """What was used in the last sixty seconds, against a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used: deque[tuple[int, int]] = deque()
        self._total = 0

    def wait_for(self, amount: int, now: int) -> int:
        """Return after how many microseconds ``amount`` more fits: 0 when it does now.

        What never fits waits for a whole window: it is all that a limiter can say.
        """
        self._forget_before(now - WINDOW)
        excess = self._total + amount - self._limit
        if excess <= 0:
            return 0
        for when, used in self._used:
            excess -= used
            if excess <= 0:
                return when + WINDOW - now
        return WINDOW

    def take(self, amount: int, now: int) -> None:
        """Count ``amount`` as used at ``now``."""
        self._used.append((now, amount))
        self._total += amount

    def _forget_before(self, moment: int) -> None:
        while self._used and self._used[0][0] <= moment:
            self._total -= self._used.popleft()[1]


class Receipts:
    """When how many calls were received: one entry a request, kept for the whole run."""

    def __init__(self) -> None:
        self._times = array("q")
        self._calls = array("q")

    def add(self, now: int, calls: int) -> None:
        """Note the receipt of a request with so many calls."""
        self._times.append(now)
        self._calls.append(calls)

    def highest_calls(self) -> int:
        """Return the most calls that any sixty seconds held."""
        return self._highest(self._calls)

    def highest_requests(self) -> int:
        """Return the most requests that any sixty seconds held."""
        return self._highest(array("q", [1]) * len(self._times))

    def _highest(self, amounts: array[int]) -> int:
        # Sorted, because a wall clock may be set back during a run.
        receipts = sorted(zip(self._times, amounts, strict=True))
        highest = total = oldest = 0
        for when, amount in receipts:
            total += amount
            while receipts[oldest][0] <= when - WINDOW:
                total -= receipts[oldest][1]
                oldest += 1
            highest = max(highest, total)
        return highest
