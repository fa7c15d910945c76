"""Simulated time: what happens is a queue of events, and what waits is a greenlet. One seed decides everything."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import count
from random import Random
from typing import Any, Protocol

from greenlet import getcurrent, greenlet

_MOST_EVENTS = 50_000


class Killed(BaseException):
    """The process is gone: nothing it still does has any effect."""


class EndlessError(AssertionError):
    """A schedule that does not come to an end."""


class Host(Protocol):
    """What an actor runs in."""

    dead: bool
    asleep_until: float


class Timeline:
    """The clock of the world, and the events to come. ``now`` is true time, in seconds since the epoch."""

    def __init__(self, seed: int, now: float, trace: Callable[[str], None] | None = None) -> None:
        self.random = Random(seed)
        self.now = now
        self.actor: Actor | None = None
        self.happened: Counter[str] = Counter()
        """What happened in the schedule, for who asks whether it was worth playing."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._trace = trace
        self._start = now

    def tell(self, text: str) -> None:
        """Note a step, for a replay."""
        if self._trace is not None:
            self._trace(f"{self.now - self._start:10.3f}  {text}")

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), action))

    def run(self) -> None:
        """Let time go on until nothing is left to happen."""
        for _ in range(_MOST_EVENTS):
            if not self._events:
                return
            at, _, action = heapq.heappop(self._events)
            self.now = max(self.now, at)
            action()
        raise EndlessError("The schedule does not come to an end.")

    def chance(self, probability: float) -> bool:
        """Whether something happens that has this probability."""
        return self.random.random() < probability


class Actor:
    """A line of execution of one host, which gives up control only where it waits."""

    def __init__(self, timeline: Timeline, host: Host, work: Callable[[], object]) -> None:
        self.done = False
        self.host = host
        self._timeline = timeline
        self._work = work
        self._greenlet = greenlet(self._run, parent=_hub())
        self._wake = 0
        self._started = False
        self._throw: BaseException | None = None
        self._wake_after(0.0)

    def sleep(self, seconds: float) -> None:
        """Wait; called by the actor itself."""
        self._wake_after(seconds)
        self._switch()

    def wait(self, pending: Iterable[Future[Any]], seconds: float) -> set[Future[Any]]:
        """Wait until one of the futures is done, or for so many seconds; give those that are."""
        futures = list(pending)
        if not any(future.done() for future in futures):
            self._wake_after(seconds)
            wake = self._wake
            for future in futures:
                future.add_done_callback(lambda _: self._timeline.after(0.0, lambda: self._resume(wake)))
            self._switch()
        return {future for future in futures if future.done()}

    def interrupt(self, error: BaseException) -> None:
        """Raise an exception where the actor waits; in one that has not begun, instead of its work."""
        self._throw = error
        self._wake_after(0.0)

    def _wake_after(self, seconds: float) -> None:
        self._wake += 1
        wake = self._wake
        self._timeline.after(seconds, lambda: self._resume(wake))

    def _resume(self, wake: int) -> None:
        if self.done or wake != self._wake:
            return
        if self.host.asleep_until > self._timeline.now and not self.host.dead:
            self._timeline.after(self.host.asleep_until - self._timeline.now, lambda: self._resume(wake))
            return
        self._wake += 1
        before, self._timeline.actor = self._timeline.actor, self
        self._greenlet.switch()
        self._timeline.actor = before

    def _switch(self) -> None:
        _hub().switch()
        self._raise()

    def _raise(self) -> None:
        error, self._throw = self._throw, None
        if error is not None:
            raise error
        if self.host.dead:
            raise Killed

    def _run(self) -> None:
        try:
            self._raise()
            self._work()
        except Killed:
            pass
        finally:
            self.done = True


def _hub() -> greenlet:
    here = getcurrent()
    return here if here.parent is None else here.parent
