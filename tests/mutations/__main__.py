"""Break the protocol on purpose, one break at a time, in a copy, and see who notices.

A break that nobody notices is a hole in the tests, or no break.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from mutations.catalogue import MUTATIONS
from mutations.copies import copied, end_all
from mutations.mutation import Mutation
from mutations.trials import Check, Report, Result, tests_without_a_break, try_out

_PROJECT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Try what the arguments say; 1 when a break survived or could not be tried."""
    parser = argparse.ArgumentParser(prog="mutations", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="this break; can be given several times")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--seeds", type=int, default=2000, help="schedules that the simulation plays of each")
    parser.add_argument("--list", action="store_true", help="name the breaks and end")
    parser.add_argument(
        "--thorough", action="store_true", help="have the simulation look also where a test has noticed"
    )
    arguments = parser.parse_args()
    chosen = [each for each in MUTATIONS if not arguments.only or each.name in arguments.only]
    unknown = set(arguments.only or ()) - {each.name for each in chosen}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; --list names the breaks")
    if arguments.list:
        for mutation in chosen:
            print(f"{mutation.name:52} {mutation.path}")
        return 0
    return _try_all(chosen, arguments.jobs, arguments.seeds, thorough=arguments.thorough)


def _try_all(mutations: Sequence[Mutation], jobs: int, seeds: int, *, thorough: bool) -> int:
    # One copy for all: somebody may go on working in the project meanwhile.
    with copied(_PROJECT) as unbroken, ThreadPoolExecutor(jobs) as pool:
        sound = pool.submit(tests_without_a_break, unbroken.folder, mutations)
        tries = [pool.submit(try_out, unbroken.folder, each, seeds=seeds, thorough=thorough) for each in mutations]
        try:
            reports = _reports(sound, tries)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
    if not reports:
        return 1
    print()
    print(_table(sorted(reports, key=lambda report: mutations.index(report.mutation)), seeds))
    return 1 if any(report.failed for report in reports) else 0


def _reports(sound: Future[str], tries: Sequence[Future[Report]]) -> list[Report]:
    """What came of the tries, each told as it ends; nothing when the tests fail without a break as well."""
    reports = []
    for future in as_completed([sound, *tries]):
        if future is not sound:
            reports.append(future.result())
            print(_line(reports[-1]), flush=True)
        elif problem := sound.result():
            print(f"Without any break the tests fail already, so they can tell nothing: {problem}")
            return []
    return reports


def _line(report: Report) -> str:
    lines = [f"{'FAILED' if report.failed else 'caught'}  {report.mutation.name} {report.problem}".rstrip()]
    lines += [f"        {each.by}: {each.why}" for each in (report.tests, report.simulation) if each.by or each.why]
    return "\n".join(lines)


def _table(reports: Sequence[Report], seeds: int) -> str:
    rows = [("break", "file", "noticed by a test", "s", "by the simulation", "s")]
    for report in reports:
        tests, simulation = report.tests, report.simulation
        rows.append(
            (
                report.mutation.name,
                report.mutation.file,
                report.problem or _told(tests),
                f"{tests.seconds:.0f}",
                _told(simulation),
                f"{simulation.seconds:.0f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    failed = Counter(report.failed for report in reports)[True]
    by_tests, by_simulation = (
        sum(result is Result.CAUGHT for result in results)
        for results in zip(*((each.tests.result, each.simulation.result) for each in reports), strict=True)
    )
    lines.append("")
    lines.append(
        f"{len(reports)} breaks: {by_tests} noticed by a test, {by_simulation} by the simulation ({seeds} seeds), "
        f"{failed} by nobody or not to be tried."
    )
    return "\n".join(lines)


def _told(check: Check) -> str:
    return check.by.removeprefix("tests/") if check.result is Result.CAUGHT else check.result.value


if __name__ == "__main__":
    sys.exit(main())
