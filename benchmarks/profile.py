"""Where the time of a run goes: each step of the job in a process of its own, with the profiler and without.

``python -m benchmarks.profile --contacts 100000 --engine postgresql --functions 25``. No Airflow: its cost is
that of starting processes, and is in ``python -m benchmarks``.
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import pstats
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.double import PROJECT, double, seen
from benchmarks.places import Engine, Place, place_of


@dataclass(frozen=True)
class Step:
    """One step to carry out in a process of its own. ``functions``: how many to list, 0 for no profiler."""

    name: str
    place: Place
    phonon_url: str
    functions: int

    def run(self) -> None:
        """Carry it out, and print what it took."""
        from benchmarks.steps import step  # noqa: PLC0415 - what is imported is measured apart

        action = step(self.name, self.place, self.phonon_url)
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        if self.functions:
            profiler = cProfile.Profile()
            profiler.runcall(action)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(self.functions)
        else:
            action()
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        floor, peak = before.ru_maxrss // 1024, after.ru_maxrss // 1024
        print(f"{self.name:<20}{seconds:>9.2f}{cpu:>9.2f}{floor:>9}{peak:>9}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0 if every contact was called once and is in the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--engine", type=Engine, choices=list(Engine), default=Engine.EMBEDDED)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds before each answer of the server")
    parser.add_argument("--functions", type=int, default=0, metavar="N", help="list the N costliest of each step")
    given = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    with place_of(given.engine, PROJECT / ".demo" / "profile") as place, double(delay=given.delay) as url:
        place.fill(given.contacts)
        print(f"{given.contacts:,} contacts, {given.engine}")
        print(f"{'step':<20}{'seconds':>9}{'CPU':>9}{'floor MB':>9}{'peak MB':>9}", flush=True)
        for name in ("extract_and_batch", "trigger_calls", "push_results"):
            process = context.Process(target=Step(name, place, url, given.functions).run)
            process.start()
            process.join()
            if process.exitcode:
                return 1
        came = seen(url)
        print(f"{came.requests} requests, {came.body_bytes:,} bytes; ledger {place.ledger_bytes():,} bytes")
        right = came.calls == came.contacts == place.accepted() == given.contacts
    print("" if right else "NOT every contact was called once and is in the results")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
