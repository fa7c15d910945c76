"""Plays schedules of the simulation until one breaks an invariant. Run in a copy, as a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from mutations.own_code import BECAUSE, CAUGHT, check, one_line
from simulation.run import theatre


def main(first: int, end: int) -> int:
    """Play the seeds from ``first`` to before ``end``; 1, and lines about it, at the first that fails."""
    check(Path.cwd())
    with theatre() as stage:
        for seed in range(first, end):
            try:
                stage.play(seed)
            except Exception as error:  # noqa: BLE001 - whatever breaks, the seed is what is wanted
                print(f"{CAUGHT}seed {seed}")
                print(BECAUSE + one_line(f"{type(error).__name__}: {error}"))
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
