from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from warehouse.place import Place

import phonon

_ROWS = 2_000_000
# All of them at once take 220 MB or more, read in chunks 10 to 65 MB.
_MOST_GROWTH_MB = 140

# Growth is sampled, because a process's peak as the system counts it begins with that of the one that started it.
_READER = """
import sys, psutil
from phonon.warehouse.warehouse import open_warehouse

if sys.argv[1] == "duckdb":
    from airflow.providers.duckdb.hooks.duckdb import DuckDBHook
    hook = DuckDBHook(duckdb_conn_id="warehouse")
else:
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    hook = PostgresHook(postgres_conn_id="warehouse")
warehouse = open_warehouse(hook, conn_id="warehouse")
memory = psutil.Process().memory_info
before = highest = memory().rss
read = 0
for frame in warehouse.read("SELECT id, mobile FROM customers", chunk_rows=20_000):
    read += len(frame)
    highest = max(highest, memory().rss)
print("read", read, "growth", (highest - before) // 2**20)
"""


@pytest.mark.parametrize(
    ("engine", "source"), [("duckdb", "range({}) r(i)"), ("postgres", "generate_series(1, {}) r(i)")]
)
def test_memory_does_not_grow_with_the_rows(engine: str, source: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    rows = source.format(_ROWS)
    place.execute(f"CREATE TABLE customers AS SELECT 'P' || i AS id, 9199999000000 + i AS mobile FROM {rows}")
    environment = os.environ | {"PYTHONPATH": str(Path(phonon.__file__).parents[1])}
    command = [sys.executable, "-c", _READER, engine]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 0, done.stderr
    [*_, _, read, _, growth] = done.stdout.split()
    assert int(read) == _ROWS
    assert int(growth) < _MOST_GROWTH_MB
