from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from airflow.providers.duckdb.hooks.duckdb import DuckDBHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

from phonon.warehouse.generic_warehouse import GenericWarehouse
from phonon.warehouse.warehouse import open_warehouse
from postgres_server import PostgresDatabase, memory_folder
from warehouse.place import Place, Psycopg2Hook


@pytest.fixture
def duckdb_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A DuckDB file's path, to which the Airflow connection ``warehouse`` points."""
    with TemporaryDirectory(prefix="phonon-duckdb-", dir=memory_folder()) as folder:
        file = Path(folder) / "warehouse.duckdb"
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "duckdb", "host": str(file)}))
        yield file


@pytest.fixture
def in_duckdb(duckdb_file: Path) -> Place:
    def execute(statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(duckdb_file)) as connection:
            return connection.execute(statement).fetchall()

    hook = DuckDBHook(duckdb_conn_id="warehouse")
    return Place("duckdb", open_warehouse(hook, conn_id="warehouse"), execute)


@pytest.fixture
def postgres_hook(postgres_server: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> PostgresHook:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres_server.airflow_connection)
    return PostgresHook(postgres_conn_id="warehouse")


@pytest.fixture
def in_postgres(postgres_server: PostgresDatabase, postgres_hook: PostgresHook) -> Place:
    return Place("postgres", open_warehouse(postgres_hook, conn_id="warehouse"), postgres_server.execute)


@pytest.fixture
def in_psycopg2(postgres_server: PostgresDatabase) -> Place:
    hook = Psycopg2Hook(postgres_server.dsn)
    return Place("psycopg2", open_warehouse(hook, conn_id="warehouse"), postgres_server.execute)


@pytest.fixture
def in_generic(postgres_server: PostgresDatabase, postgres_hook: PostgresHook) -> Place:
    """The way for databases without a file of their own, on one that is strict."""
    return Place("generic", GenericWarehouse(postgres_hook, conn_id="warehouse"), postgres_server.execute)


@pytest.fixture(params=["duckdb", "postgres", "psycopg2", "generic"])
def place(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(f"in_{request.param}")
