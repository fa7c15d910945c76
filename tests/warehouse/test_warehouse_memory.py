from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import phonon
from warehouse.place import Place

_ROWS = 2_000_000
# All rows at once would take some 500 MB as Python values.
_MOST_GROWTH_KB = 200 * 1024

_READER = """
import resource, sys
from phonon.warehouse.warehouse import open_warehouse

rows, sql = int(sys.argv[2]), sys.argv[3]
if sys.argv[1] == "duckdb":
    from airflow.providers.duckdb.hooks.duckdb import DuckDBHook
    hook = DuckDBHook(duckdb_conn_id="warehouse")
else:
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    hook = PostgresHook(postgres_conn_id="warehouse")
warehouse = open_warehouse(hook, conn_id="warehouse")
frames = warehouse.read(sql, chunk_rows=10_000)
read = len(next(frames))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for frame in frames:
    read += len(frame)
assert read == rows, read
print("growth", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("engine", "source"), [("duckdb", "range({}) r(i)"), ("postgres", "generate_series(1, {}) r(i)")]
)
def test_memory_does_not_grow_with_the_rows(engine: str, source: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    place.execute(
        f"CREATE TABLE customers AS SELECT i AS id, 'name ' || i AS name, 9199999000000 + i AS mobile FROM "
        f"{source.format(_ROWS)}"
    )
    command = [sys.executable, "-c", _READER, engine, str(_ROWS), "SELECT * FROM customers"]
    environment = os.environ | {"PYTHONPATH": str(Path(phonon.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout.rsplit("growth", 1)[1]) < _MOST_GROWTH_KB
