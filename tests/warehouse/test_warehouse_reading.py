from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from airflow.providers.duckdb.hooks.duckdb import DuckDBHook
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

import phonon
from phonon.errors import ConfigurationError, WarehouseError
from phonon.warehouse.warehouse import Warehouse, open_warehouse
from postgres_server import PostgresDatabase
from warehouse.place import Place

_SERIES = {
    "duckdb": "SELECT i AS id, 'name ' || i AS name FROM range({}) r(i) ORDER BY i",
    "postgres": "SELECT i AS id, 'name ' || i AS name FROM generate_series(0, {} - 1) r(i) ORDER BY i",
}


def series(place: Place, rows: int) -> str:
    return _SERIES["duckdb" if place.engine == "duckdb" else "postgres"].format(rows)


def everything(warehouse: Warehouse, sql: str, chunk_rows: int = 100) -> pd.DataFrame:
    return pd.concat(warehouse.read(sql, chunk_rows=chunk_rows), ignore_index=True)


def others(watching: psycopg.Connection) -> int:
    [number] = watching.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    return number


def row(warehouse: Warehouse, sql: str) -> dict[str, object]:
    [record] = everything(warehouse, sql).to_dict("records")
    return record


def said(place: Place, sql: str) -> str:
    with pytest.raises(WarehouseError) as raised:
        everything(place.warehouse, sql)
    assert raised.value.__cause__ is None
    return str(raised.value)


def test_rows_come_in_order_in_chunks_of_at_most_that_many(place: Place) -> None:
    frames = list(place.warehouse.read(series(place, 250), chunk_rows=100))

    assert [len(frame) for frame in frames] == [100, 100, 50]
    assert [value for frame in frames for value in frame["id"]] == list(range(250))


def test_a_query_of_exactly_one_chunk_gives_one_frame(place: Place) -> None:
    assert [len(frame) for frame in place.warehouse.read(series(place, 100), chunk_rows=100)] == [100]


def test_a_query_without_rows_gives_one_frame_with_its_columns(place: Place) -> None:
    [frame] = place.warehouse.read(series(place, 0), chunk_rows=100)

    assert list(frame.columns) == ["id", "name"]
    assert frame.empty


def test_values_are_the_drivers_own(place: Place) -> None:
    sql = """
        SELECT CAST(919999912345 AS bigint) AS mobile, CAST(12.50 AS decimal(10, 2)) AS amount,
               CAST('2026-11-24' AS date) AS due, CAST('2026-11-24 10:00:00' AS timestamp) AS local, 'आशा' AS name,
               CAST(NULL AS varchar) AS gone, true AS active, CAST(0.5 AS double precision) AS share
    """
    assert row(place.warehouse, sql) == {
        "mobile": 919999912345,
        "amount": Decimal("12.50"),
        "due": dt.date(2026, 11, 24),
        "local": dt.datetime(2026, 11, 24, 10),  # noqa: DTZ001 - it has none
        "name": "आशा",
        "gone": None,
        "active": True,
        "share": 0.5,
    }


def test_every_column_is_of_objects(place: Place) -> None:
    [frame] = place.warehouse.read(series(place, 3), chunk_rows=100)

    assert set(frame.dtypes) == {pd.Series([], dtype=object).dtype}
    assert type(frame["id"][0]) is int


def test_a_time_with_a_zone_is_aware(place: Place) -> None:
    times = "VALUES (1, CAST('2026-11-24 10:00:00.000001+05:30' AS timestamp with time zone)), (2, NULL)"
    frame = everything(place.warehouse, f'SELECT t AS "it\'s at" FROM ({times}) AS v(i, t) ORDER BY i')

    assert list(frame["it's at"]) == [dt.datetime(2026, 11, 24, 4, 30, 0, 1, tzinfo=dt.UTC), None]
    assert type(frame["it's at"][0]) is dt.datetime


def test_a_number_of_single_precision_is_what_was_written(place: Place) -> None:
    amounts = "VALUES (1, CAST(1999.99 AS real)), (2, CAST(-0.1 AS real)), (3, NULL)"
    sql = f"SELECT amount FROM ({amounts}) AS customers(id, amount) ORDER BY id"
    [frame] = place.warehouse.read(sql, chunk_rows=10)
    assert list(frame["amount"]) == [1999.99, -0.1, None]


@pytest.mark.parametrize(
    "sql",
    ["SELECT '100%' AS a;", "SELECT '100%' AS a -- all", "-- all\nWITH w AS (SELECT '100%' AS a) SELECT * FROM w"],
)
def test_a_query_is_taken_as_people_write_it(place: Place, sql: str) -> None:
    assert row(place.warehouse, sql) == {"a": "100%"}


def test_a_column_that_comes_twice_is_refused_by_its_name(place: Place) -> None:
    assert "more than one column called mobile" in said(place, "SELECT 1 AS mobile, 2 AS mobile")


def test_a_failing_query_gives_the_databases_own_words(place: Place) -> None:
    text = said(place, "SELECT mobile, 'x' AS unmistakable FROM customers")

    assert "'warehouse'" in text
    assert "customers" in text
    assert "does not exist" in text
    assert "unmistakable" not in text


def test_a_misspelt_column_is_named(place: Place) -> None:
    assert "mobil" in said(place, "SELECT mobil FROM (SELECT 1 AS mobile) AS t")


@pytest.mark.parametrize(
    "expression",
    [
        "CAST('919999' || n AS integer)",
        "CAST(CAST('919999' || n AS bigint) * 1000000 AS integer)",
        "CAST('Asha ' || n AS date)",
        "CAST(n || ' 919999' || n AS timestamp)",
    ],
)
def test_a_value_that_cannot_be_converted_is_not_repeated(place: Place, expression: str) -> None:
    text = said(place, f"SELECT {expression} AS x FROM (SELECT '9912345' AS n) AS t")

    assert "9912345" not in text
    assert "Asha" not in text
    assert "CAST" not in text


def test_a_query_may_fail_after_its_first_rows(place: Place) -> None:
    # Large enough that the first rows are there before the bad one is met.
    source = "range(300000)" if place.engine == "duckdb" else "generate_series(0, 299999)"
    bad = "CAST(CASE WHEN i = 299999 THEN 'x' ELSE '1' END AS integer)"
    frames = place.warehouse.read(f"SELECT {bad} AS a FROM {source} AS r(i)", chunk_rows=1000)

    with pytest.raises(WarehouseError, match="failed while reading"):
        list(frames)


def test_a_chunk_of_no_rows_is_refused(place: Place) -> None:
    with pytest.raises(ConfigurationError, match="chunk_rows must be 1 or more"):
        list(place.warehouse.read("SELECT 1 AS a", chunk_rows=0))


def test_a_query_cannot_change_a_duckdb_file(in_duckdb: Place) -> None:
    in_duckdb.execute("CREATE TABLE customers AS SELECT 1 AS mobile")

    assert "read-only" in said(in_duckdb, "DELETE FROM customers RETURNING mobile")
    assert in_duckdb.execute("SELECT count(*) FROM customers") == [(1,)]


@pytest.mark.parametrize("engine", ["postgres", "psycopg2"])
def test_a_query_cannot_change_postgres(engine: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    place.execute("CREATE SEQUENCE calls")

    # A sequence moves even where nothing is committed.
    assert "read-only transaction" in said(place, "SELECT nextval('calls') AS n")
    assert place.execute("SELECT nextval('calls')") == [(1,)]


_FORGET = "SELECT forget(id) AS n FROM customers"
_GONE = "WITH gone AS (DELETE FROM customers RETURNING id) SELECT id AS n FROM gone"
_SET = "SELECT set_config('transaction_read_only', 'off', true) AS a, forget(id) AS n FROM customers"
_TWO = "SELECT id AS n FROM customers; COMMIT; BEGIN READ WRITE; DELETE FROM customers; COMMIT"


@pytest.mark.parametrize(
    ("engine", "sql"),
    [
        *((engine, sql) for engine in ("postgres", "psycopg2") for sql in (_FORGET, _GONE, _SET)),
        (
            "postgres",
            _TWO,
        ),  # psycopg2 sends all of it at once: there it is the campaign that refuses two statements
    ],
)
def test_a_function_that_writes_and_tricks_cannot_change_postgres_either(
    engine: str, sql: str, request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    place.execute("CREATE TABLE customers (id int)")
    place.execute("INSERT INTO customers VALUES (1)")
    place.execute(
        "CREATE FUNCTION forget(one int) RETURNS int LANGUAGE sql VOLATILE AS "
        "'DELETE FROM customers WHERE id = one RETURNING id'"
    )

    said(place, sql)
    assert place.execute("SELECT id FROM customers") == [(1,)]


def test_what_a_query_changes_in_another_database_is_undone_also_where_it_commits_by_itself(
    in_generic: Place, postgres_hook: PostgresHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_conn() -> psycopg.Connection:
        connection = PostgresHook.get_conn(postgres_hook)
        connection.autocommit = True
        return connection

    monkeypatch.setattr(postgres_hook, "get_conn", get_conn)
    in_generic.execute("CREATE TABLE customers (id int)")
    in_generic.execute("INSERT INTO customers VALUES (1)")

    assert row(in_generic.warehouse, "DELETE FROM customers RETURNING id") == {"id": 1}
    assert in_generic.execute("SELECT id FROM customers") == [(1,)]


@pytest.mark.parametrize("engine", ["postgres", "psycopg2", "generic"])
@pytest.mark.timeout(60)
def test_nothing_stays_connected(
    engine: str, request: pytest.FixtureRequest, postgres_server: PostgresDatabase
) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    with psycopg.connect(postgres_server.dsn, autocommit=True) as watching:
        frames = place.warehouse.read(series(place, 250), chunk_rows=100)
        next(frames)
        assert others(watching) == 1

        frames.close()
        everything(place.warehouse, series(place, 250))
        said(place, "SELECT nothing")
        # A backend is listed for a moment after its client has gone.
        while others(watching):
            time.sleep(0.01)


def test_rows_are_tuples_whatever_cursor_the_connection_asks_for(
    postgres_server: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(postgres_server.airflow_connection) | {"extra": {"cursor": "dictcursor"}}
    monkeypatch.setenv("AIRFLOW_CONN_DICTS", json.dumps(connection))
    warehouse = open_warehouse(PostgresHook(postgres_conn_id="dicts"), conn_id="dicts")

    assert row(warehouse, "SELECT 1 AS a, 2 AS b") == {"a": 1, "b": 2}
    warehouse.ensure_tables("phonon_call_results")


def test_an_unreachable_warehouse_is_named_with_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "me", "password": "open sesame"}
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", json.dumps(connection))
    warehouse = open_warehouse(PostgresHook(postgres_conn_id="away"), conn_id="away")

    with pytest.raises(
        WarehouseError, match=r"'away' cannot be opened: .*127\.0\.0\.1.*Connection refused"
    ) as raised:
        everything(warehouse, "SELECT 1 AS a")
    assert "sesame" not in str(raised.value)


def test_a_connection_that_is_not_defined_is_named() -> None:
    warehouse = open_warehouse(DuckDBHook(duckdb_conn_id="nowhere"), conn_id="nowhere")

    with pytest.raises(WarehouseError, match=r"nowhere.*isn't defined"):
        everything(warehouse, "SELECT 1 AS a")


def test_a_connection_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="of type http is not a database"):
        open_warehouse(HttpHook(http_conn_id="elsewhere"), conn_id="elsewhere")  # type: ignore[arg-type]


def test_a_dag_file_that_names_the_warehouse_loads_nothing_heavy() -> None:
    heavy = {"pandas", "numpy", "duckdb", "pyarrow", "psycopg", "airflow"}
    program = f"import sys, phonon.warehouse.warehouse; print(sorted({heavy} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(Path(phonon.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )

    assert done.stdout == "[]\n"
