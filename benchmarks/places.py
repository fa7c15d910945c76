"""Where the benchmarks run: the engines, their contacts, and what a hook must be without Airflow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from sqlalchemy import make_url

from benchmarks.double import HIGHEST_NUMBER
from phonon.ledger.store import Ledger

CONTACTS = "bench_contacts"
QUERY = f"SELECT contact_id, mobile, first_name, due_date, amount FROM {CONTACTS}"
RESULTS = "phonon_call_results"

# The 100,000 numbers that are kept for demonstrations, and made-up ones beyond them.
_CONTACTS = f"""
CREATE TABLE {CONTACTS} AS
SELECT 'POL-' || i AS contact_id, CAST({HIGHEST_NUMBER} - i AS VARCHAR) AS mobile, 'Asha' AS first_name,
       DATE '2026-12-01' AS due_date, CAST(i AS DECIMAL(10, 2)) / 7 AS amount
FROM {{source}} AS numbers(i)
"""


class Engine(StrEnum):
    """The warehouse and the ledger together."""

    EMBEDDED = "duckdb+sqlite"
    POSTGRES = "postgresql"


@dataclass(frozen=True)
class Place:
    """An engine that runs. ``folder`` has the files of an embedded one; ``dsn`` is empty for it."""

    engine: Engine
    folder: Path
    dsn: str = ""

    @property
    def warehouse_file(self) -> Path:
        """Of the embedded engine."""
        return self.folder / "warehouse.duckdb"

    @property
    def ledger_file(self) -> Path:
        """Of the embedded engine."""
        return self.folder / "ledger.db"

    @property
    def ledger_url(self) -> str:
        """For SQLAlchemy."""
        if self.engine is Engine.EMBEDDED:
            return f"sqlite:///{self.ledger_file}"
        known = dict(part.split("=", 1) for part in self.dsn.split())
        return f"postgresql+psycopg://{known['user']}@/{known['dbname']}?host={known['host']}&port={known['port']}"

    @property
    def airflow_warehouse(self) -> str:
        """The connection of the warehouse, as Airflow reads it from its environment."""
        if self.engine is Engine.EMBEDDED:
            return json.dumps({"conn_type": "duckdb", "host": str(self.warehouse_file)})
        known = dict(part.split("=", 1) for part in self.dsn.split())
        return json.dumps(
            {
                "conn_type": "postgres",
                "host": known["host"],
                "port": int(known["port"]),
                "login": known["user"],
                "schema": known["dbname"],
            }
        )

    @property
    def airflow_ledger(self) -> str:
        """The connection of the ledger, as above."""
        if self.engine is Engine.EMBEDDED:
            return json.dumps({"conn_type": "sqlite", "host": str(self.ledger_file)})
        return self.airflow_warehouse

    def fill(self, contacts: int) -> None:
        """Forget everything, and have so many contacts, and a ledger with nobody in it, as after a first run."""
        self._empty(contacts)
        Ledger(make_url(self.ledger_url)).close()

    def _empty(self, contacts: int) -> None:
        if self.engine is Engine.EMBEDDED:
            for file in (self.warehouse_file, self.ledger_file):
                for path in self.folder.glob(file.name + "*"):
                    path.unlink()
            with duckdb.connect(str(self.warehouse_file)) as connection:
                connection.execute(_CONTACTS.format(source=f"range({contacts})"))
            return
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            source = f"generate_series(0, {contacts - 1})"
            connection.execute(_CONTACTS.format(source=source))
            connection.execute(f"ANALYZE {CONTACTS}")

    def accepted(self) -> int:
        """Contacts that the results table shows as accepted, each counted once."""
        query = f"SELECT count(DISTINCT contact_id) FROM {RESULTS} WHERE status = 'accepted'"
        if self.engine is Engine.EMBEDDED:
            with duckdb.connect(str(self.warehouse_file), read_only=True) as connection:
                found = connection.execute(query).fetchone()
        else:
            with psycopg.connect(self.dsn) as connection:
                found = connection.execute(query).fetchone()
        return int(found[0]) if found else 0

    def ledger_bytes(self) -> int:
        """The size of the ledger, indexes and all."""
        if self.engine is Engine.EMBEDDED:
            return sum(path.stat().st_size for path in self.folder.glob(self.ledger_file.name + "*"))
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "WHERE relkind = 'r' AND starts_with(relname, 'phonon_ledger_')"
        )
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(query).fetchone()
        return int(found[0]) if found else 0


class Hook:
    """What a warehouse needs of Airflow's hooks, without Airflow."""

    placeholder = "?"

    def __init__(self, place: Place) -> None:
        self._place = place
        self.conn_type = "duckdb" if place.engine is Engine.EMBEDDED else "postgres"

    def get_conn(self) -> Any:
        """Open a connection."""
        if self._place.engine is Engine.EMBEDDED:
            return duckdb.connect(str(self._place.warehouse_file))
        return psycopg.connect(self._place.dsn)

    def get_database(self) -> str:
        """The DuckDB file."""
        return str(self._place.warehouse_file)

    def get_connect_config(self) -> dict[str, Any]:
        """DuckDB's own settings."""
        return {}

    def load_extensions(self, connection: Any) -> None:
        """None are used."""

    def configure_secrets(self, connection: Any) -> None:
        """There are none."""


@contextmanager
def place_of(engine: Engine, folder: Path) -> Iterator[Place]:
    """Have an engine run while the context lasts, in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if engine is Engine.EMBEDDED:
        yield Place(engine, folder)
        return
    # That of the tests, which are not type-checked.
    server = import_module("tests.postgres_server").PostgresServer()
    server.start()
    try:
        yield Place(engine, folder, server.create_database().dsn)
    finally:
        server.stop()
