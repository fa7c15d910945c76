"""What is special about a warehouse that is a file: who may open it, and when."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

from phonon.errors import ConfigurationError, WarehouseError
from phonon.warehouse.duckdb_warehouse import DuckDBWarehouse
from phonon.warehouse.tables import RESULTS_TABLE
from phonon.warehouse.warehouse import open_warehouse
from warehouse.place import Place

_HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("open", flush=True)
sys.stdin.read()
"""
_CRASHING_WRITER = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE kept AS SELECT 1 AS a")
os._exit(1)
"""

Hold = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def hold(in_duckdb: Place, duckdb_file: Path) -> Iterator[Hold]:
    """Open the file in another process, to "read" or to "write", until that process's stdin is closed."""
    in_duckdb.warehouse.ensure_tables(RESULTS_TABLE)
    holders: list[subprocess.Popen[str]] = []

    def start(mode: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _HOLDER, str(duckdb_file), mode]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        return holder

    yield start
    for holder in holders:
        holder.communicate()


def push(warehouse: Any) -> int:
    return warehouse.replace_results(RESULTS_TABLE, campaign="reminder", interval_key="1", chunks=[])


def ones(warehouse: Any) -> list[object]:
    return [value for frame in warehouse.read("SELECT 1 AS a", chunk_rows=10) for value in frame["a"]]


@pytest.mark.parametrize(("mode", "action"), [("write", ones), ("write", push), ("read", push)])
def test_a_file_that_stays_held_is_said_to_be(mode: str, action: Callable[[Any], object], hold: Hold) -> None:
    holder = hold(mode)
    warehouse = DuckDBWarehouse(DuckDBHook(duckdb_conn_id="warehouse"), conn_id="warehouse", lock_wait_seconds=0.05)

    with pytest.raises(WarehouseError, match=f"held by another process.*PID {holder.pid}.*Close what holds it"):
        action(warehouse)


@pytest.mark.parametrize("action", [push, ones, lambda warehouse: warehouse.ensure_tables("other_results")])
def test_whoever_finds_the_file_held_waits_for_it(action: Callable[[Any], object], hold: Hold) -> None:
    holder = hold("write")

    class Hook(DuckDBHook):
        attempts = 0

        def get_connect_config(self) -> dict[str, Any]:
            self.attempts += 1
            if self.attempts == 2:
                holder.communicate()
            return super().get_connect_config()

    hook = Hook(duckdb_conn_id="warehouse")
    action(open_warehouse(hook, conn_id="warehouse"))

    assert hook.attempts >= 2


def test_several_processes_read_at_once(in_duckdb: Place, hold: Hold) -> None:
    hold("read")

    assert ones(in_duckdb.warehouse) == [1]


def test_tables_that_are_there_are_checked_while_others_read(in_duckdb: Place, hold: Hold) -> None:
    hold("read")

    in_duckdb.warehouse.ensure_tables(RESULTS_TABLE)


def test_a_read_that_is_broken_off_lets_go_of_the_file(in_duckdb: Place, hold: Hold) -> None:
    frames = in_duckdb.warehouse.read("SELECT * FROM range(100000)", chunk_rows=10)
    next(frames)
    frames.close()

    assert hold("write").poll() is None


def test_a_failed_read_lets_go_of_the_file(in_duckdb: Place, hold: Hold) -> None:
    with pytest.raises(WarehouseError):
        list(in_duckdb.warehouse.read("SELECT nothing", chunk_rows=10))

    assert hold("write").poll() is None


def test_writing_while_this_process_still_reads_is_said_to_be(in_duckdb: Place) -> None:
    in_duckdb.warehouse.ensure_tables(RESULTS_TABLE)
    reading = in_duckdb.warehouse.read("SELECT * FROM range(100000)", chunk_rows=10)
    next(reading)
    warehouse = DuckDBWarehouse(DuckDBHook(duckdb_conn_id="warehouse"), conn_id="warehouse", lock_wait_seconds=0.05)

    with pytest.raises(WarehouseError, match="another connection of this one"):
        push(warehouse)
    reading.close()
    assert push(warehouse) == 0


def test_what_a_process_wrote_before_it_was_killed_can_be_read(in_duckdb: Place, duckdb_file: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _CRASHING_WRITER, str(duckdb_file)], check=False)

    assert killed.returncode == 1
    [frame] = in_duckdb.warehouse.read("SELECT a FROM kept", chunk_rows=10)
    assert list(frame["a"]) == [1]


def test_a_file_that_is_not_there_yet_does_not_stop_a_query_of_other_files(
    in_duckdb: Place, duckdb_file: Path
) -> None:
    source = duckdb_file.with_name("customers.parquet")
    pd.DataFrame({"policy": ["P1"]}).to_parquet(source)

    [frame] = in_duckdb.warehouse.read(f"SELECT policy FROM '{source}'", chunk_rows=10)
    assert list(frame["policy"]) == ["P1"]


def test_a_database_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLEETING", json.dumps({"conn_type": "duckdb"}))
    warehouse = open_warehouse(DuckDBHook(duckdb_conn_id="fleeting"), conn_id="fleeting")

    with pytest.raises(ConfigurationError, match=r"'fleeting' is a DuckDB database in memory.*path of a file"):
        warehouse.ensure_tables(RESULTS_TABLE)


def test_a_file_in_a_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connection = {"conn_type": "duckdb", "host": str(tmp_path / "nowhere" / "warehouse.duckdb")}
    monkeypatch.setenv("AIRFLOW_CONN_LOST", json.dumps(connection))
    warehouse = open_warehouse(DuckDBHook(duckdb_conn_id="lost"), conn_id="lost")

    with pytest.raises(WarehouseError, match=r"'lost' cannot be opened: .*nowhere.*No such file"):
        ones(warehouse)


_LIST = "SELECT len(list(i)) AS length FROM range(20_000_000) AS r(i)"
"""160 MB that DuckDB cannot put on disk."""


def test_a_query_that_needs_more_memory_than_is_taken_at_first_gets_it(in_duckdb: Place) -> None:
    [frame] = in_duckdb.warehouse.read(_LIST, chunk_rows=10)

    assert list(frame["length"]) == [20_000_000]


def test_a_query_gets_no_more_memory_than_the_connection_gives_it(
    duckdb_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "duckdb", "host": str(duckdb_file), "extra": {"memory_limit": "100MB"}}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    warehouse = open_warehouse(DuckDBHook(duckdb_conn_id="warehouse"), conn_id="warehouse")

    with pytest.raises(WarehouseError, match="Out of Memory Error"):
        list(warehouse.read(_LIST, chunk_rows=10))
