"""Warehouses of trials that can be locked or gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from faults.interrupted_postgres import InterruptedPostgres
from phonon.warehouse.duckdb_warehouse import DuckDBWarehouse
from phonon.warehouse.postgres_warehouse import PostgresWarehouse
from phonon.warehouse.warehouse import Warehouse
from postgres_server import PostgresDatabase
from trial import FileHook, Trial

_PROCESSES = get_context("forkserver")


@dataclass
class ImpatientTrial(Trial):
    """A trial that waits for so many seconds only when another process holds its DuckDB file."""

    lock_wait_seconds: float = 0.2

    def warehouse(self) -> Warehouse:
        hook = FileHook(self.warehouse_file)
        return DuckDBWarehouse(hook, conn_id="warehouse", lock_wait_seconds=self.lock_wait_seconds)


class PsycopgHook:
    """What a warehouse needs of Airflow's PostgresHook."""

    conn_type = "postgres"
    placeholder = "%s"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def get_conn(self) -> Any:
        return psycopg.connect(self._dsn)


@dataclass
class PostgresTrial(Trial):
    """A trial whose warehouse is a database of ``server``."""

    server: InterruptedPostgres | None = None
    database: PostgresDatabase | None = None

    def __post_init__(self) -> None:
        assert self.database is not None
        self.database.execute(
            "CREATE TABLE people AS SELECT 'C' || i AS id, '99999' || lpad(CAST(i AS VARCHAR), 5, '0') AS mobile, "
            f"'Asha' AS name, i AS rowid FROM generate_series(0, {self.contacts - 1}) t(i)"
        )

    def warehouse(self) -> Warehouse:
        assert self.database is not None
        return PostgresWarehouse(PsycopgHook(self.database.dsn), conn_id="warehouse")

    def results(self) -> list[dict[str, Any]]:
        assert self.database is not None
        with psycopg.connect(self.database.dsn, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute("SELECT * FROM phonon_call_results ORDER BY contact_id").fetchall()


@contextmanager
def held_by_another_process(file: Path) -> Iterator[None]:
    """Another process has the DuckDB file open for writing, while the context lasts."""
    held, free = _PROCESSES.Event(), _PROCESSES.Event()
    process = _PROCESSES.Process(target=_hold, args=(str(file), held, free))
    process.start()
    try:
        assert held.wait(30)
        yield
    finally:
        free.set()
        process.join(30)


def _hold(file: str, held: Event, free: Event) -> None:
    with duckdb.connect(file):
        held.set()
        free.wait(60)
