"""``make bench``: the whole job, warehouse to calls to results table, next to what people would pick instead.

Every contender starts with the same contacts and talks to the same double of Phonon, which answers after 50 ms and
counts whom it was told to call: a run in which not everybody was called exactly once ends the bench. In each round
all contenders run one after another, and are compared within the round; the table shows medians. Those that are
far off run once.

``--full`` takes an hour or more. It writes the tables and the chart of docs/performance.md, as each size is done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks import programs
from benchmarks.double import PROJECT, double
from benchmarks.in_airflow import MAPPED, MOST_MAPPED, PHONON, airflow_of
from benchmarks.measured import Measured, NoRunError, Row, cells, text_table
from benchmarks.places import Engine, Place, place_of
from benchmarks.programs import CAREFUL, DLT, PLAIN, STEPS
from benchmarks.report import targets, write_report
from demo.world import World

CONTENDERS = (CAREFUL, STEPS, PHONON, PLAIN, DLT, MAPPED)
_ONCE_SECONDS = 120
"""What takes longer than so is run once."""
_LONGEST_SECONDS = 300
"""What would take longer than so is not run."""
_FULL_SIZES = (20_000, 100_000, 1_000_000)
_DELAY_SECONDS = 0.05
_PER_BATCH = 500
_WARM_UP_CONTACTS = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0 if everybody was called exactly once in every run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--contacts", type=int, action="append", help="default 20,000; can be given several times")
    parser.add_argument("--runs", type=int, default=3, help="rounds")
    parser.add_argument("--only", action="append", choices=CONTENDERS, metavar="NAME", help=", ".join(CONTENDERS))
    parser.add_argument("--engines", type=Engine, nargs="+", choices=list(Engine), default=list(Engine))
    parser.add_argument("--full", action="store_true", help="all sizes; writes docs/performance.md")
    given = parser.parse_args(arguments)
    sizes = _FULL_SIZES if given.full else tuple(given.contacts or [20_000])
    chosen = [name for name in CONTENDERS if not given.only or name in given.only]
    world = World(PROJECT / ".demo" / "bench")
    world.folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for engine in given.engines:
        with place_of(engine, world.folder / "place") as place, double(delay=_DELAY_SECONDS) as url:
            for found in _on(place, url, world, sizes, chosen, given.runs, before=tuple(rows)):
                rows += found
                if given.full:
                    write_report(rows)
    print("\n" + targets(rows))
    return 0


def _on(
    place: Place,
    url: str,
    world: World,
    sizes: Sequence[int],
    chosen: Sequence[str],
    rounds: int,
    *,
    before: Sequence[Row],
) -> Iterator[list[Row]]:
    """Measure on one engine; prints each size's table as it is there, and gives its rows. ``before``: of others."""
    ways: dict[str, Callable[[str, Place, str], Measured]] = dict.fromkeys(chosen, programs.run)
    with airflow_of(world, place, url) as airflow:
        in_airflow = [name for name in chosen if name in {PHONON, MAPPED}]
        ways |= dict.fromkeys(in_airflow, airflow.run)
        for name in in_airflow:
            # Not measured: Airflow's first run of a Dag also waits for the servers to get ready.
            place.fill(_WARM_UP_CONTACTS)
            airflow.run(name, place, url)
        found: list[Row] = []
        for contacts in sizes:
            print(f"\n{contacts:,} contacts, {place.engine}, {rounds} rounds", flush=True)
            same_size = [row for row in before if row.contacts == contacts]
            failed = {row.name: row.why for row in same_size if row.why.startswith("failed")}
            found = _rounds(place, url, ways, contacts, rounds, {row.name: row for row in found}, failed)
            careful = next((row.runs for row in found if row.name == CAREFUL), [])
            print(text_table([cells(row, careful) for row in found]), flush=True)
            yield found


def _rounds(
    place: Place,
    url: str,
    ways: Mapping[str, Callable[[str, Place, str], Measured]],
    contacts: int,
    rounds: int,
    smaller: Mapping[str, Row],
    failed: Mapping[str, str],
) -> list[Row]:
    """Run the contenders in turn. ``failed``: on the engine before; a failure in Airflow takes minutes to come."""
    runs: dict[str, list[Measured]] = {name: [] for name in ways}
    expected = {name: _expected_seconds(smaller.get(name), contacts) for name in ways}
    why = {name: failed.get(name) or _why_not(name, contacts, expected[name]) for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            if why[name] or (number and (name == MAPPED or expected[name] > _ONCE_SECONDS)):
                continue
            place.fill(contacts)
            try:
                measured = way(name, place, url)
            except NoRunError as error:
                if name == PHONON:
                    raise
                why[name] = str(error)
                print(f"  round {number + 1}: {name} {error}", flush=True)
                continue
            _check(name, place, measured, contacts)
            runs[name].append(measured)
            print(f"  round {number + 1}: {name} {measured.seconds:.1f} s", flush=True)
    return [Row(name, place.engine, contacts, runs[name], why[name]) for name in ways]


def _expected_seconds(smaller: Row | None, contacts: int) -> float:
    """What a size will take, by a smaller one; 0 where nothing is known."""
    return smaller.seconds * contacts / smaller.contacts if smaller and smaller.runs else 0.0


def _why_not(name: str, contacts: int, expected: float) -> str:
    if name == MAPPED and contacts > MOST_MAPPED * _PER_BATCH:
        return f"mapping ends at {MOST_MAPPED:,} batches"
    return f"not run: about {expected:,.0f} s by the size before" if expected > _LONGEST_SECONDS else ""


def _check(name: str, place: Place, measured: Measured, contacts: int) -> None:
    came, shown = measured.seen, place.accepted()
    if not came.calls == came.contacts == shown == contacts:
        raise SystemExit(
            f"{name}: of {contacts} contacts {came.contacts} were called, with {came.calls} calls, and {shown} are "
            "in the results."
        )


if __name__ == "__main__":
    sys.exit(main())
