"""Processes that may not make a file larger than so much, which is how a full disk looks to SQLite."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

from faults.moments import at_the_second
from phonon.dispatch.points import Point, observe
from trial import Trial

_SOME_CHUNKS = 3_000_000


@dataclass
class SmallFilesTrial(Trial):
    """A trial whose processes may make no file larger: when they send, from ``point`` on."""

    point: Point = Point.BEFORE_TAKE

    def extract_into_small_files(self, run_id: str) -> None:
        """Plan with room for a chunk of contacts or more, and not for all."""
        _limit_files(_SOME_CHUNKS)
        self.extract(run_id)

    def trigger_without_growing(self, run_id: str) -> None:
        """Send until the point is reached; then nothing more can be committed."""
        log = Path(f"{self.ledger_url.database}-wal")  # which every transaction makes longer
        observe(at_the_second(self.point, lambda: _limit_files(log.stat().st_size)))
        self.trigger(run_id)


def _limit_files(size: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
