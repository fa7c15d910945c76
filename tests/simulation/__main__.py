"""Play schedules from the command line: many seeds, or one with every step printed."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

from simulation.run import play_portion, theatre

_PORTION = 250


def main() -> int:
    """Play what the arguments say; 1 when a schedule broke an invariant."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one schedule and print each step")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        return _replay(arguments.replay)
    return _play_all(range(arguments.first, arguments.first + arguments.seeds), arguments.jobs)


def _replay(seed: int) -> int:
    with theatre() as stage:
        try:
            happened = stage.play(seed, trace=print)
        except AssertionError:
            traceback.print_exc(file=sys.stdout)
            return 1
    print("The books agree.", _listed(happened))
    return 0


def _play_all(seeds: range, jobs: int) -> int:
    portions = [seeds[start : start + _PORTION] for start in range(0, len(seeds), _PORTION)]
    happened: Counter[str] = Counter()
    failed: list[tuple[int, str]] = []
    began = time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done, future in enumerate(
            as_completed([pool.submit(play_portion, each) for each in portions]), start=1
        ):
            counts, failures = future.result()
            happened += counts
            failed += failures
            for seed, error in failures:
                print(f"seed {seed}: {error}", flush=True)
            if done % 40 == 0:
                print(f"{done * _PORTION} schedules, {len(failed)} failed", flush=True)
    rate = len(seeds) / (time.monotonic() - began)
    print(f"{len(seeds)} schedules, {rate:.0f} a second: {len(failed)} broke an invariant.")
    print(_listed(happened))
    if failed:
        print(f"Replay one step by step: python -m simulation --replay {failed[0][0]}")
    return 1 if failed else 0


def _listed(happened: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(happened.items()))


if __name__ == "__main__":
    sys.exit(main())
