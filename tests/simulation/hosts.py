"""A simulated process: its clocks and threads, the ledger as it sees it, and the disasters that befall it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from phonon.dispatch.process import Ending, Process
from phonon.errors import LedgerError
from phonon.ledger.store import Ledger
from simulation.timeline import Actor, Killed, Timeline


class Interrupted(BaseException):
    """What a signal handler raises: a Ctrl-C, or a runner that ends a task so."""


@dataclass
class Weather:
    """How likely a disaster is at each step of a process, and each error at each transaction."""

    crash: float = 0.0
    suspend: float = 0.0
    interrupt: float = 0.0
    end: float = 0.0
    ledger: float = 0.0


class SimulatedProcess:
    """One task instance on some machine."""

    def __init__(self, timeline: Timeline, name: str, ledger: Ledger, weather: Weather) -> None:
        self.name = name
        self.timeline = timeline
        self.weather = weather
        self.dead = False
        self.asleep_until = 0.0
        self.lapsed = False
        """It was suspended between the last look at the clock and the first byte, which nobody can prevent."""
        self.ending = Ending()
        self.ledger = LedgerOfProcess(ledger, self)
        self._monotonic_lag = 0.0
        self._wall_lag = 0.0
        self._actors: list[Actor] = []

    def start(self, work: Callable[[], object]) -> Actor:
        """Begin a line of execution."""
        actor = Actor(self.timeline, self, work)
        self._actors.append(actor)
        return actor

    @property
    def running(self) -> bool:
        """Whether the process is still doing something."""
        return not self.dead and not all(actor.done for actor in self._actors)

    def step(self, label: str) -> None:
        """A place between two effects: others may run, and anything may happen to the process."""
        if self.dead:
            raise Killed
        actor = self.timeline.actor
        assert actor is not None
        self.timeline.tell(f"{self.name}: {label}")
        self._disaster(actor)
        actor.sleep(self.timeline.random.choice((0.0, 0.0, 0.001, 0.01, 0.3)))

    def kill(self) -> None:
        """End the process without its having a say."""
        if self.dead:
            return
        self.timeline.tell(f"{self.name}: KILLED")
        self.timeline.happened["killed"] += 1
        self.dead = True
        for actor in self._actors:
            if actor is not self.timeline.actor and not actor.done:
                actor.interrupt(Killed())

    def suspend(self, seconds: float) -> None:
        """Have nothing of it run for a while. With the machine, one of the two clocks may stand still."""
        self.timeline.happened["suspended"] += 1
        stands = self.timeline.random.choice(("none", "monotonic", "wall"))
        self.timeline.tell(f"{self.name}: SUSPENDED for {seconds} s, clock that stands still: {stands}")
        self.asleep_until = self.timeline.now + seconds
        self._monotonic_lag += seconds if stands == "monotonic" else 0.0
        self._wall_lag += seconds if stands == "wall" else 0.0

    def as_process(self, is_dead: Callable[[str], bool]) -> Process:
        """What the product's code sees of it."""
        return Process(
            monotonic=lambda: self.timeline.now - self._monotonic_lag,
            wall=lambda: self.timeline.now - self._wall_lag,
            sleep=self._sleep,
            threads=lambda _: _Threads(self),
            wait=self._wait,
            owner=lambda: self.name,
            is_dead=is_dead,
        )

    def _sleep(self, seconds: float) -> None:
        self._check()
        assert self.timeline.actor is not None
        # A pause of nothing would let a loop that waits for a lease turn for ever.
        self.timeline.actor.sleep(max(seconds, 0.05))

    def _wait(self, pending: Iterable[Future[Any]], seconds: float) -> set[Future[Any]]:
        self._check()
        assert self.timeline.actor is not None
        return self.timeline.actor.wait(pending, seconds)

    def _check(self) -> None:
        if self.dead:
            raise Killed

    def _disaster(self, actor: Actor) -> None:
        weather, timeline = self.weather, self.timeline
        if timeline.chance(weather.crash):
            self.kill()
            raise Killed
        if timeline.chance(weather.suspend):
            self.suspend(timeline.random.choice((1.0, 14.0, 16.0, 40.0, 400.0)))
        if timeline.chance(weather.interrupt):
            timeline.tell(f"{self.name}: INTERRUPTED")
            self._actors[0].interrupt(Interrupted())
            if actor is self._actors[0]:
                return
        if timeline.chance(weather.end):
            timeline.tell(f"{self.name}: told to end")
            self.ending.asked = True


class _Threads(Executor):
    """Threads that are actors."""

    def __init__(self, process: SimulatedProcess) -> None:
        self._process = process
        self._futures: list[Future[Any]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._futures.append(future)
        self._process.start(lambda: self._carry_out(future, function, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        while any(not future.done() for future in self._futures):
            self._process.as_process(lambda _: False).wait(
                [future for future in self._futures if not future.done()], 1.0
            )

    @staticmethod
    def _carry_out(future: Future[Any], function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        try:
            result = function(*args, **kwargs)
        except Killed:
            raise
        except BaseException as error:  # noqa: BLE001 - as an executor's thread does
            future.set_exception(error)
        else:
            future.set_result(result)


class LedgerOfProcess:
    """The real ledger, with a step before and after every transaction, and errors of its database."""

    def __init__(self, ledger: Ledger, process: SimulatedProcess) -> None:
        self._ledger = ledger
        self._process = process
        self.now = ledger.now
        self.account = ledger.account
        self.number_hash = ledger.number_hash

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Connection]:
        process = self._process
        process.step("reads the ledger" if read_only else "writes the ledger")
        timeline = process.timeline
        error = timeline.random.choice(_ERRORS) if timeline.chance(process.weather.ledger) else None
        if error is not None:
            timeline.tell(f"{process.name}: LEDGER ERROR {error}")
        if error == "locked":
            raise LedgerError("The ledger failed: database is locked.")
        with self._ledger.transaction(read_only=read_only) as connection:
            yield connection
            if error == "full":
                raise LedgerError("The ledger failed: database or disk is full.")
        if error == "lost":
            raise LedgerError("The ledger failed: connection lost during commit.")
        process.step("committed")


_ERRORS = ("locked", "full", "lost")
