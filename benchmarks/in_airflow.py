"""Contenders that Airflow runs: this project's Dag, and ``HttpOperator`` mapped over batches.

Airflow's own scheduler starts every task in a process of its own, as it would anywhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from benchmarks.double import PROJECT, seen
from benchmarks.measured import Measured, NoRunError
from benchmarks.places import Place
from demo.server import airflow_server, free_port, server_environment
from demo.world import World

PHONON = "phonon, through Airflow"
MAPPED = "HttpOperator, mapped"
MOST_MAPPED = 1024
"""Airflow's ``max_map_length``: with batches of 500, mapping ends at 512,000 contacts."""

_DAGS = {PHONON: "bench", MAPPED: "mapped_http"}
_NO_LIMIT = 1_000_000_000
_LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Airflow:
    """An Airflow that runs and knows a place's connections and the double's."""

    world: World
    environment: dict[str, str]
    pid: int

    def run(self, name: str, place: Place, url: str) -> Measured:
        """Run a contender's Dag to its end, once."""
        seen(url, reset=True)
        run_id = f"bench-{datetime.now(UTC).isoformat()}"
        before = self._cpu()
        self._trigger(_DAGS[name], run_id)
        began, ended = self._end(name, run_id)
        came = seen(url)
        tasks = self._tasks(run_id)
        return Measured(
            seconds=ended - began,
            cpu=self._cpu() - before,
            megabytes=self._peak(run_id) if name == PHONON else None,
            seen=came,
            first_post=(came.first_at or began) - began,
            parts=dict(tasks),
            tasks=len(tasks),
            ledger_bytes=place.ledger_bytes(),
        )

    def _trigger(self, dag: str, run_id: str) -> None:
        """Start a run, once Airflow has read the Dag."""
        log = "trigger.log"
        end = time.monotonic() + 120
        while self.world.airflow(self.environment, "dags", "trigger", dag, "--run-id", run_id, log=log).returncode:
            if time.monotonic() > end:
                raise SystemExit(f"Airflow did not take the run; see {self.world.folder / log}")
            time.sleep(3)

    def _end(self, name: str, run_id: str) -> tuple[float, float]:
        """Wait for the end of a run; gives its start and end, in seconds since the epoch."""
        query = "SELECT state, start_date, end_date FROM dag_run WHERE run_id = ?"
        end = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < end and not self._count(run_id, "failed"):
            [row] = self._read(query, run_id)
            if row[0] == "success":
                return _seconds(row[1]), _seconds(row[2])
            time.sleep(0.5)
        what = f"failed: {self._count(run_id, 'success')} of {self._count(run_id, '%')} task instances succeeded"
        self._give_up(name, run_id)
        raise NoRunError(what)

    def _give_up(self, name: str, run_id: str) -> None:
        """Have no more tasks of a run start, and wait for those that run: they would disturb what comes next."""
        self.world.airflow(self.environment, "dags", "pause", _DAGS[name], log="pause.log")
        end = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < end and self._count(run_id, "running"):
            time.sleep(1)

    def _count(self, run_id: str, state: str) -> int:
        query = "SELECT count(*) FROM task_instance WHERE run_id = ? AND coalesce(state, '') LIKE ?"
        [[count]] = self._read(query, run_id, state)
        return int(count)

    def _tasks(self, run_id: str) -> list[tuple[str, float]]:
        query = (
            "SELECT task_id || CASE map_index WHEN -1 THEN '' ELSE ' ' || map_index END, start_date, end_date "
            "FROM task_instance WHERE run_id = ?"
        )
        return [
            (str(task), _seconds(end) - _seconds(start) if start and end else 0.0)
            for task, start, end in self._read(query, run_id)
        ]

    def _read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.world.airflow_home / "airflow.db", timeout=60) as connection:
            return connection.execute(query, values).fetchall()

    def _peak(self, run_id: str) -> int:
        """The peak memory that the tasks' processes told their logs, in MB."""
        folder = self.world.airflow_home / "logs" / f"dag_id={_DAGS[PHONON]}" / f"run_id={run_id}"
        text = "".join(log.read_text(encoding="utf-8") for log in folder.glob("task_id=*/*.log"))
        return max(int(found) for found in re.findall(r"Peak memory of this process: (\d+) MB", text))

    def _cpu(self) -> float:
        """Seconds of all of Airflow's processes, those that have ended among them."""
        total = 0.0
        root = psutil.Process(self.pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                used = process.cpu_times()
            except psutil.Error:
                continue
            total += used.user + used.system + used.children_user + used.children_system
        return total


@contextmanager
def airflow_of(world: World, place: Place, url: str) -> Iterator[Airflow]:
    """Run Airflow while the context lasts, with the Dags of the bench and nothing else."""
    dags = world.folder / "dags"
    shutil.rmtree(world.folder / "airflow", ignore_errors=True)
    shutil.rmtree(dags, ignore_errors=True)
    dags.mkdir(parents=True)
    world.airflow_home.mkdir(parents=True)
    shutil.copy(PROJECT / "dags" / "campaigns.py", dags)
    shutil.copy(PROJECT / "benchmarks" / "dags" / "mapped_http.py", dags)
    environment = world.environment(url, phonon={"bulk_per_minute": _NO_LIMIT})
    environment |= server_environment(free_port())
    environment["PYTHONPATH"] += f"{os.pathsep}{PROJECT}"
    host, port = url.removeprefix("http://").split(":")
    environment |= {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW_CONN_WAREHOUSE": place.airflow_warehouse,
        "AIRFLOW_CONN_PHONON_LEDGER": place.airflow_ledger,
        "AIRFLOW_CONN_DOUBLE": json.dumps({"conn_type": "http", "host": host, "port": int(port)}),
        "BENCH_WAREHOUSE": place.dsn or str(place.warehouse_file),
        "PHONON_CAMPAIGNS": str(PROJECT / "benchmarks" / "campaigns"),
    }
    with airflow_server(world, environment) as process:
        yield Airflow(world, environment, process.pid)


def _seconds(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
