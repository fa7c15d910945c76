"""``make demo``: the main job, from warehouse rows to calls and back, and whether the books agree."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from demo.books import Books, disagreements, read_books
from demo.seed import seed, today_at
from demo.world import PROJECT, World, accepted_by, summary_of

_CONTACTS = 10_000
_CAMPAIGN = "renewal_reminder"
_MOST_TASKS = 12


def main() -> int:
    """Run the demo; returns 0 only if every contact is accounted for."""
    world = World(PROJECT / ".demo")
    world.clear()
    now = datetime.now(UTC)
    print(f"Filling an embedded warehouse with {_CONTACTS:,} messy contacts ...", flush=True)
    seed(world.warehouse, contacts=_CONTACTS, today=today_at(now))
    with world.phonon() as phonon_url:
        environment = world.environment(phonon_url)
        print("Preparing Airflow ...", flush=True)
        if world.airflow(environment, "db", "migrate").returncode:
            return _failed(world.folder / "airflow.log")
        print(f"Running the Dag {_CAMPAIGN} against the stand-in Phonon ...", flush=True)
        run = world.airflow(environment, "dags", "test", _CAMPAIGN, now.isoformat(), log="run.log")
        if run.returncode:
            return _failed(world.folder / "run.log")
        summary = summary_of(phonon_url)
        identifiers = Counter(accepted_by(phonon_url))
    books = read_books(world, _CAMPAIGN)
    _print(books, summary, world.warehouse)
    problems = disagreements(books, identifiers, contacts=_CONTACTS, most_tasks=_MOST_TASKS)
    for problem in problems:
        print(f"The books disagree: {problem}")
    if not problems:
        print("The books agree: every contact has one status; Phonon accepted just the accepted calls, once each.")
    return 1 if problems else 0


def _print(books: Books, summary: dict[str, object], warehouse: Path) -> None:
    print(f"\n{'status':<18}{'contacts':>10}   most common reasons")
    for status, count in sorted(books.by_status.items(), key=lambda item: -item[1]):
        print(f"{status:<18}{count:>10,}   {books.reasons.get(status, '')}")
    print(f"{'all':<18}{sum(books.by_status.values()):>10,}\n")
    print(f"{'response code':<18}{'calls':>10}")
    for code, count in books.by_code.items():
        print(f"{code:<18}{count:>10,}")
    print(
        f"\n{books.requests:,} requests, {books.calls_a_second:,.0f} calls a second while sending, "
        f"{books.tasks} task instances.\nThe stand-in counted {summary['accepted_calls']:,} accepted calls."
    )
    print(f"The results table is phonon_call_results in {warehouse.relative_to(PROJECT)} (DuckDB).")


def _failed(log: Path) -> int:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    print("\n".join(lines[-40:]))
    print(f"Failed; the whole log is {log}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
