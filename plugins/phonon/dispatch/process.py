"""What a sender needs of the process it runs in. One object, so that a simulation can put another in its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from phonon.ledger.owner import is_certainly_dead, this_process

START_SECONDS = 15.0
"""A sender that was suspended longer than this between the ledger's commit and the socket does not send: its
lease may have ended, and another may be sending the same batch."""


@dataclass(frozen=True)
class Moment:
    """A moment of a process, on two clocks.

    The monotonic one stands still while the machine sleeps, and the other one can be set.
    """

    monotonic: float
    wall: float


@dataclass
class Ending:
    """Whether a process was told to end. Not an Event, whose lock a second signal could find taken."""

    asked: bool = False


def _threads(most: int) -> Executor:
    return ThreadPoolExecutor(most, thread_name_prefix="phonon-send")


def _wait(pending: Iterable[Future[Any]], timeout: float) -> set[Future[Any]]:
    return futures.wait(pending, timeout=timeout, return_when=futures.FIRST_COMPLETED).done


@dataclass(frozen=True)
class Process:
    """Clocks in seconds, threads, and the name under which others can find this process dead."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    threads: Callable[[int], Executor] = _threads
    """Makes an executor that runs at most so many functions at once."""
    wait: Callable[[Iterable[Future[Any]], float], set[Future[Any]]] = _wait
    """Waits until one of the futures is done, or for so many seconds; gives those that are."""
    owner: Callable[[], str] = this_process
    is_dead: Callable[[str], bool] = is_certainly_dead

    def moment(self) -> Moment:
        """Now."""
        return Moment(self.monotonic(), self.wall())

    def may_start(self, since: Moment) -> bool:
        """Whether a send that was decided on then may still start, by either clock."""
        return max(self.monotonic() - since.monotonic, self.wall() - since.wall) < START_SECONDS
