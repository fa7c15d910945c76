"""Running schedules, each on an empty ledger."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL

from phonon.dispatch import points
from phonon.ledger.schema import meta, metadata
from phonon.ledger.store import Ledger
from simulation.hosts import SimulatedProcess
from simulation.story import Story

_EMPTIED = [f"DELETE FROM {table}" for table in reversed(metadata.sorted_tables) if table is not meta]
_MEMORY = Path("/dev/shm")


class Theatre:
    """Where schedules are played, one after another, each on an empty ledger."""

    def __init__(self, folder: Path) -> None:
        self._story: Story | None = None
        url = URL.create("sqlite", database=str(folder / "ledger.db"))
        self._ledger = Ledger(url, clock=lambda: 0.0 if self._story is None else self._story.clock())
        points.observe(self._reached)

    def play(self, seed: int, trace: Callable[[str], None] | None = None) -> Counter[str]:
        """Play one schedule; raises AssertionError when an invariant is broken. Gives what happened in it."""
        with self._ledger.transaction() as connection:
            for table in _EMPTIED:
                connection.exec_driver_sql(table)
        story = self._story = Story(seed, trace)
        try:
            story.tell(self._ledger)
        finally:
            self._story = None
        return story.happened

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    def _reached(self, point: points.Point) -> None:
        actor = self._story.timeline.actor if self._story is not None else None
        if actor is not None and isinstance(actor.host, SimulatedProcess):
            actor.host.step(f"reached {point}")


@contextmanager
def theatre() -> Iterator[Theatre]:
    """A place for schedules, in memory where the machine has such a folder."""
    folder = tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
    with folder as path, closing(Theatre(Path(path))) as stage:
        yield stage


def play_portion(seeds: range) -> tuple[Counter[str], list[tuple[int, str]]]:
    """Play some schedules; gives what happened in them, and the seeds that failed with the reason."""
    happened: Counter[str] = Counter()
    failed = []
    with theatre() as stage:
        for seed in seeds:
            try:
                happened += stage.play(seed)
            except Exception as error:  # noqa: BLE001 - whatever breaks, the seed is what is wanted
                failed.append((seed, f"{type(error).__name__}: {error}"))
    return happened, failed
