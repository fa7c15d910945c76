"""``make bench``: contacts through the real Dag to a stand-in Phonon without a rate limit, printed as a table.

Airflow's own scheduler starts every task in a process of its own, as it would anywhere.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from demo.server import airflow_server, free_port, server_environment
from demo.world import PROJECT, World, summary_of

_CAMPAIGN = "bench"
_NO_LIMIT = 1_000_000_000
_TASKS = ("extract_and_batch", "trigger_calls", "push_results")
_LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Measured:
    """One run of the Dag: seconds and peak memory (MB) by task, and calls a second while sending."""

    seconds: dict[str, float]
    megabytes: dict[str, int]
    sending_a_second: float
    tasks: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0 if every contact was accepted in every run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args(arguments)
    world = World(PROJECT / ".demo" / "bench")
    world.clear()
    with world.phonon("--bulk-per-minute", "0") as phonon_url:
        environment = world.environment(phonon_url, phonon={"bulk_per_minute": _NO_LIMIT})
        environment |= server_environment(free_port())
        environment["PHONON_CAMPAIGNS"] = str(PROJECT / "benchmarks" / "campaigns")
        environment["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "False"
        print("starting Airflow ...", flush=True)
        with airflow_server(world, environment):
            measured = []
            for number in range(1, given.runs + 1):
                print(f"run {number} of {given.runs}: {given.contacts:,} contacts ...", flush=True)
                measured.append(_run(world, environment, phonon_url, given.contacts))
    _print(measured, given.contacts)
    return 0


def _run(world: World, environment: dict[str, str], phonon_url: str, contacts: int) -> Measured:
    world.clear()
    _seed(world.warehouse, contacts)
    before = summary_of(phonon_url)["accepted_calls"]
    run_id = f"bench-{datetime.now(UTC).isoformat()}"
    _trigger(world, environment, run_id)
    state = _state(world, run_id)
    accepted = int(str(summary_of(phonon_url)["accepted_calls"])) - int(str(before))
    if state != "success" or accepted != contacts:
        raise SystemExit(f"The run ended as {state} with {accepted} of {contacts} calls; see {world.folder}")
    with duckdb.connect(str(world.warehouse), read_only=True) as connection:
        runs = "SELECT accepted / greatest(seconds, 0.001) FROM phonon_campaign_runs"
        (sending,) = connection.execute(runs).fetchone() or (0.0,)
    seconds = _task_seconds(world, run_id)
    megabytes = {task: _peak(world, run_id, task) for task in _TASKS}
    return Measured({task: seconds[task] for task in _TASKS}, megabytes, float(sending), len(seconds))


def _trigger(world: World, environment: dict[str, str], run_id: str) -> None:
    """Start a run, once Airflow has read the Dag."""
    log = "trigger.log"
    end = time.monotonic() + 120
    while world.airflow(environment, "dags", "trigger", _CAMPAIGN, "--run-id", run_id, log=log).returncode:
        if time.monotonic() > end:
            raise SystemExit(f"Airflow did not take the run; see {world.folder / log}")
        time.sleep(3)
    # Airflow remembers a Dag as paused that an earlier bench has registered.
    world.airflow(environment, "dags", "unpause", _CAMPAIGN, "--yes", log=log)


def _state(world: World, run_id: str) -> str:
    end = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < end:
        with sqlite3.connect(world.airflow_home / "airflow.db") as connection:
            row = connection.execute("SELECT state FROM dag_run WHERE run_id = ?", [run_id]).fetchone()
        if row and row[0] in {"success", "failed"}:
            return str(row[0])
        time.sleep(1)
    return "too long"


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


def _task_seconds(world: World, run_id: str) -> dict[str, float]:
    with sqlite3.connect(world.airflow_home / "airflow.db") as connection:
        rows = connection.execute(
            "SELECT task_id, (julianday(end_date) - julianday(start_date)) * 86400 FROM task_instance "
            "WHERE run_id = ?",
            [run_id],
        ).fetchall()
    return {str(task): float(seconds or 0) for task, seconds in rows}


def _peak(world: World, run_id: str, task: str) -> int:
    """The peak memory that a task's process told its log, in MB."""
    folder = world.airflow_home / "logs" / f"dag_id={_CAMPAIGN}" / f"run_id={run_id}" / f"task_id={task}"
    text = "".join(log.read_text(encoding="utf-8") for log in folder.glob("*.log"))
    return max(int(found) for found in re.findall(r"Peak memory of this process: (\d+) MB", text))


def _print(measured: Sequence[Measured], contacts: int) -> None:
    print(f"\nMedians of {len(measured)} runs with {contacts:,} contacts, DuckDB warehouse, SQLite ledger:\n")
    print(f"{'step':<22}{'seconds':>9}{'contacts/s':>13}{'peak MB':>10}")
    for task in _TASKS:
        seconds = statistics.median(each.seconds[task] for each in measured)
        megabytes = max(each.megabytes[task] for each in measured)
        print(f"{task:<22}{seconds:>9.1f}{contacts / seconds:>13,.0f}{megabytes:>10}")
    whole = statistics.median(sum(each.seconds.values()) for each in measured)
    print(f"{'all three':<22}{whole:>9.1f}{contacts / whole:>13,.0f}")
    sending = statistics.median(each.sending_a_second for each in measured)
    print(f"{'send to last answer':<22}{'':>9}{sending:>13,.0f}")
    print(f"\ntask instances in a run: {max(each.tasks for each in measured)}; peak MB is the highest of the runs")


if __name__ == "__main__":
    sys.exit(main())
