"""``make bench``: contacts through the real Dag to a stand-in Phonon without a rate limit, printed as a table."""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from demo.world import PROJECT, World, summary_of

_CAMPAIGN = "bench"
_NO_LIMIT = 1_000_000_000
_TASKS = ("extract_and_batch", "trigger_calls", "push_results")


@dataclass(frozen=True)
class Measured:
    """One run of the Dag. Seconds by task; calls a second while sending; peak memory of the process in MB."""

    seconds: dict[str, float]
    sending_a_second: float
    tasks: int
    peak_megabytes: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0 if every contact was accepted in every run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args(arguments)
    world = World(PROJECT / ".demo" / "bench")
    measured = []
    for number in range(1, given.runs + 1):
        print(f"run {number} of {given.runs}: {given.contacts:,} contacts ...", flush=True)
        measured.append(_run(world, given.contacts))
    _print(measured, given.contacts)
    return 0


def _run(world: World, contacts: int) -> Measured:
    world.clear()
    _seed(world.warehouse, contacts)
    with world.phonon("--bulk-per-minute", "0") as phonon_url:
        environment = world.environment(phonon_url, phonon={"bulk_per_minute": _NO_LIMIT})
        environment["PHONON_CAMPAIGNS"] = str(PROJECT / "benchmarks" / "campaigns")
        if world.airflow(environment, "db", "migrate").returncode:
            raise SystemExit(f"Airflow could not be prepared; see {world.folder / 'airflow.log'}")
        peak = _dag_run(world, environment)
        accepted = summary_of(phonon_url)["accepted_calls"]
    if accepted != contacts:
        raise SystemExit(f"{accepted} of {contacts} calls were accepted; see {world.folder / 'bench.log'}")
    with duckdb.connect(str(world.warehouse), read_only=True) as connection:
        runs = "SELECT accepted / greatest(seconds, 0.001) FROM phonon_campaign_runs"
        (sending,) = connection.execute(runs).fetchone() or (0.0,)
    seconds, tasks = _task_seconds(world)
    return Measured(seconds, float(sending), tasks, peak)


def _dag_run(world: World, environment: dict[str, str]) -> float:
    """Run the Dag, all its tasks in one process; gives that process's peak memory in MB."""
    arguments = [sys.executable, "-m", "airflow", "dags", "test", _CAMPAIGN, datetime.now(UTC).isoformat()]
    log = os.open(world.folder / "bench.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    process = os.posix_spawn(sys.executable, arguments, environment, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    os.close(log)
    if status:
        raise SystemExit(f"The run failed; see {world.folder / 'bench.log'}")
    kilobytes = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return kilobytes / 1024


def _seed(warehouse: Path, contacts: int) -> None:
    """Contacts with the 100,000 numbers kept for demonstrations, and made-up ones beyond them."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            """
            CREATE TABLE bench_contacts AS
            SELECT 'POL-' || i AS contact_id, CAST(9999999999 - i AS VARCHAR) AS mobile, 'Asha' AS first_name,
                   DATE '2026-12-01' AS due_date, CAST(i AS DECIMAL(10, 2)) / 7 AS amount
            FROM range(?) AS numbers(i)
            """,
            [contacts],
        )


def _task_seconds(world: World) -> tuple[dict[str, float], int]:
    with sqlite3.connect(world.airflow_home / "airflow.db") as connection:
        rows = connection.execute(
            "SELECT task_id, (julianday(end_date) - julianday(start_date)) * 86400 FROM task_instance "
            "WHERE dag_id = ? AND run_id = (SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1)",
            (_CAMPAIGN, _CAMPAIGN),
        ).fetchall()
    return {task: seconds for task, seconds in rows if task in _TASKS}, len(rows)


def _print(measured: Sequence[Measured], contacts: int) -> None:
    print(f"\nMedians of {len(measured)} runs with {contacts:,} contacts, DuckDB warehouse, SQLite ledger:\n")
    print(f"{'step':<22}{'seconds':>9}{'contacts/s':>13}")
    for task in _TASKS:
        seconds = statistics.median(each.seconds[task] for each in measured)
        print(f"{task:<22}{seconds:>9.1f}{contacts / seconds:>13,.0f}")
    whole = statistics.median(sum(each.seconds.values()) for each in measured)
    print(f"{'all three':<22}{whole:>9.1f}{contacts / whole:>13,.0f}")
    print(
        f"{'send to last answer':<22}{'':>9}{statistics.median(each.sending_a_second for each in measured):>13,.0f}"
    )
    print(
        f"\npeak memory of the process that ran every task: {max(each.peak_megabytes for each in measured):,.0f} MB"
    )
    print(f"task instances: {max(each.tasks for each in measured)}")


if __name__ == "__main__":
    sys.exit(main())
