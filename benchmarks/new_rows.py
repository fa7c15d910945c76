"""How long a new row waits for its call: from its commit to the first POST on the real-time endpoint.

``python -m benchmarks.new_rows --rows 50 --every 1 --settle 1``. A real Airflow (``airflow standalone``: scheduler,
triggerer, LocalExecutor, SQLite), a DuckDB warehouse and the stand-in Phonon. One row at a time, at a random moment
between two looks of the trigger. Each row ends with its own call, or the benchmark fails.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import duckdb

from demo.server import airflow_server, free_port, server_environment
from demo.world import PROJECT, World
from simulator import Settings
from simulator.running import Handle, running

_CAMPAIGN = "bench_new_rows"
_YAML = """
name: bench_new_rows
schedule: {{new_rows: {{table: leads, cursor: created_at, every: {every}s, settle: {settle}s}}}}
contacts: SELECT lead_id, mobile, created_at FROM leads
contact_id: lead_id
numbers: [mobile]
flow_id: bEnchm4k
endpoint: realtime
"""
_START_SECONDS = 180
_LONGEST_SECONDS = 120
_HIGHEST_NUMBER = 919999999999

# Each part is what ends at this moment, since the one before it.
_PARTS = (
    "look, settle, event stored",
    "event to extract_and_batch",
    "extract_and_batch",
    "to trigger_calls",
    "trigger_calls to first POST",
)
_MOMENTS = """
SELECT event.timestamp, extract.start_date, extract.end_date, trigger.start_date
FROM dag_run AS run
JOIN dagrun_asset_event AS link ON link.dag_run_id = run.id
JOIN asset_event AS event ON event.id = link.event_id
JOIN task_instance AS extract ON extract.run_id = run.run_id AND extract.task_id = 'extract_and_batch'
JOIN task_instance AS trigger ON trigger.run_id = run.run_id AND trigger.task_id = 'trigger_calls'
WHERE run.dag_id = ? ORDER BY run.id DESC, event.id LIMIT 1
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0 if each row was called once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.new_rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--settle", type=int, default=1)
    given = parser.parse_args(arguments)
    world = World(PROJECT / ".demo" / "bench-new-rows")
    world.clear()
    campaigns = world.folder / "campaigns"
    campaigns.mkdir(exist_ok=True)
    text = _YAML.format(every=given.every, settle=given.settle)
    (campaigns / "new_rows.yaml").write_text(text, encoding="utf-8")
    # Only this Dag: the examples would run as well.
    dags = world.folder / "dags"
    dags.mkdir(exist_ok=True)
    (dags / "campaigns.py").unlink(missing_ok=True)
    (dags / "campaigns.py").symlink_to(PROJECT / "dags" / "campaigns.py")
    with duckdb.connect(str(world.warehouse)) as connection:
        connection.execute("CREATE TABLE leads (lead_id BIGINT, mobile BIGINT, created_at TIMESTAMPTZ)")
    with running(Settings()) as phonon:
        environment = world.environment(phonon.url) | server_environment(free_port())
        environment["PHONON_CAMPAIGNS"] = str(campaigns)
        environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
        environment["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "False"
        # A home that an earlier bench has used remembers its runs, of a ledger that is gone.
        (world.airflow_home / "airflow.db").unlink(missing_ok=True)
        print("starting Airflow ...", flush=True)
        with airflow_server(world, environment):
            _until(lambda: _ended(world) == 1, "the first look has marked the beginning", _START_SECONDS)
            measured = [_row(world, phonon, number, given.every) for number in range(given.rows)]
    _print(measured, given.every, given.settle)
    return 0


def _row(world: World, phonon: Handle, number: int, every: int) -> list[float]:
    """Insert a row, wait for its call and the end of its run; gives the seconds of each part."""
    time.sleep(random.uniform(0, every))
    before = len(phonon.accepted())
    inserted = _insert(world.warehouse, number)
    _until(lambda: len(phonon.accepted()) > before, f"row {number} is called", _LONGEST_SECONDS, pause=0.01)
    called = time.time()
    _until(lambda: _ended(world) == number + 2, f"the run of row {number} has ended", _LONGEST_SECONDS)
    if len(phonon.accepted()) != before + 1:
        raise SystemExit(f"Row {number} led to {len(phonon.accepted()) - before} calls; see {world.folder}")
    with closing(_metadata(world)) as connection:
        found = connection.execute(_MOMENTS, [_CAMPAIGN]).fetchone()
    moments = [inserted, *(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in found), called]
    parts = [later - earlier for earlier, later in pairwise(moments)]
    print(f"row {number + 1}: {called - inserted:.1f} s", flush=True)
    return parts


def _insert(warehouse: Path, number: int) -> float:
    """Insert and commit a row; gives the time. Waits while Airflow's processes have the file."""
    while True:
        try:
            with duckdb.connect(str(warehouse)) as connection:
                row = [number, _HIGHEST_NUMBER - number]
                connection.execute("INSERT INTO leads VALUES (?, ?, now())", row)
                return time.time()
        except duckdb.IOException:
            time.sleep(0.02)


def _ended(world: World) -> int:
    """The number of runs that have succeeded."""
    with closing(_metadata(world)) as connection:
        states = [row[0] for row in connection.execute("SELECT state FROM dag_run WHERE dag_id = ?", [_CAMPAIGN])]
    if "failed" in states:
        raise SystemExit(f"A run failed; see {world.airflow_home / 'logs'}")
    return states.count("success")


def _metadata(world: World) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{world.airflow_home / 'airflow.db'}?mode=ro", uri=True, timeout=30)


def _until(condition: Callable[[], bool], what: str, seconds: float, *, pause: float = 0.1) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except sqlite3.OperationalError:
            pass  # Airflow has not made its database yet
        if time.monotonic() > end:
            raise SystemExit(f"Not within {seconds:.0f} s: {what}")
        time.sleep(pause)


def _print(measured: Sequence[Sequence[float]], every: int, settle: int) -> None:
    print(
        f"\n{len(measured)} rows, one after the other; every {every} s, settle {settle} s; {os.cpu_count()} cores, "
        f"load {os.getloadavg()[1]:.1f}:\n"
    )
    print(f"{'seconds':<32}{'median':>8}{'worst':>8}")
    for name, column in zip(_PARTS, zip(*measured, strict=True), strict=True):
        print(f"{name:<32}{statistics.median(column):>8.2f}{max(column):>8.2f}")
    whole = [sum(each) for each in measured]
    print(f"{'row committed to first POST':<32}{statistics.median(whole):>8.2f}{max(whole):>8.2f}")


if __name__ == "__main__":
    sys.exit(main())
