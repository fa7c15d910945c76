from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import phonon
from postgres_server import PostgresDatabase
from warehouse.place import Place

_ROWS = 2_000_000
# All of them at once take 220 MB or more, read in chunks 10 to 65 MB.
_MOST_GROWTH_MB = 140

# Growth is sampled, because a process's peak as the system counts it begins with that of the one that started it.
# The hooks are stand-ins, because importing Airflow takes longer than reading the rows.
_READER = """
import sys, duckdb, psutil, psycopg
from phonon.warehouse.warehouse import open_warehouse

class Hook:
    conn_type, place = sys.argv[1:]
    placeholder = "?"

    def get_conn(self):
        return psycopg.connect(self.place) if self.conn_type == "postgres" else duckdb.connect(self.place)

    def get_database(self):
        return self.place

    def get_connect_config(self):
        return {}

    def load_extensions(self, connection):
        pass

    configure_secrets = load_extensions

warehouse = open_warehouse(Hook(), conn_id="warehouse")
memory = psutil.Process().memory_info
before = highest = memory().rss
read = 0
for frame in warehouse.read("SELECT id, mobile FROM customers", chunk_rows=20_000):
    read += len(frame)
    highest = max(highest, memory().rss)
print(read, (highest - before) // 2**20)
"""


def test_reading_a_duckdb_file_takes_no_more_memory_with_more_rows(in_duckdb: Place, duckdb_file: Path) -> None:
    fill(in_duckdb, f"range({_ROWS})")

    assert growth("duckdb", str(duckdb_file)) < _MOST_GROWTH_MB


def test_reading_postgres_takes_no_more_memory_with_more_rows(
    in_postgres: Place, postgres_server: PostgresDatabase
) -> None:
    fill(in_postgres, f"generate_series(1, {_ROWS})")

    assert growth("postgres", postgres_server.dsn) < _MOST_GROWTH_MB


def fill(place: Place, source: str) -> None:
    columns = "'P' || i AS id, 919999900000 + i % 100000 AS mobile"
    place.execute(f"CREATE TABLE customers AS SELECT {columns} FROM {source} AS r(i)")


def growth(engine: str, where: str) -> int:
    """Megabytes by which a process grows that reads all rows."""
    environment = os.environ | {"PYTHONPATH": str(Path(phonon.__file__).parents[1])}
    command = [sys.executable, "-c", _READER, engine, where]
    read, grown = subprocess.check_output(command, text=True, env=environment).split()
    assert int(read) == _ROWS
    return int(grown)
