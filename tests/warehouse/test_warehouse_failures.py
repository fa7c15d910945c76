from __future__ import annotations

from contextlib import AbstractContextManager

import duckdb
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.errors import WarehouseError
from phonon.warehouse.failures import database_message, opening, reported
from postgres_server import PostgresDatabase


def duckdb_error(statement: str, *values: object) -> duckdb.Error:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as raised:
        connection.execute(statement, values or None)
    return raised.value


def postgres_error(database: PostgresDatabase, statement: str) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as raised:
        database.execute(statement)
    return raised.value


def test_the_statement_is_not_repeated() -> None:
    error = duckdb_error("SELECT 'x' AS unmistakable FROM customers")

    assert "LINE 1: SELECT 'x' AS unmistakable" in str(error)
    assert database_message(error).startswith("Catalog Error: Table with name customers does not exist!")
    assert "unmistakable" not in database_message(error)


def test_a_row_that_breaks_a_rule_is_not_repeated(postgres_server: PostgresDatabase) -> None:
    postgres_server.execute("CREATE TABLE customers (name text UNIQUE)")
    error = postgres_error(postgres_server, "INSERT INTO customers VALUES ('Asha'), ('Asha')")

    assert "Asha" in str(error)
    assert database_message(error) == 'duplicate key value violates unique constraint "customers_name_key".'


def test_a_hint_is_kept(postgres_server: PostgresDatabase) -> None:
    error = postgres_error(postgres_server, "SELECT mobil FROM (SELECT 1 AS mobile) AS t")

    assert database_message(error).endswith('Perhaps you meant to reference the column "t.mobile".')


@given(
    digits=st.from_regex(r"[6-9]\d{9}", fullmatch=True),
    prefix=st.sampled_from(["", "0", "91", "+91 ", "+91-", "(0)"]),
    gap=st.sampled_from(["", " ", "-", ".", " - "]),
)
def test_a_phone_number_in_a_message_is_hidden(digits: str, prefix: str, gap: str) -> None:
    number = f"{prefix}{digits[:5]}{gap[:2]}{digits[5:]}"

    class Error(Exception):
        """A driver's error, as PEP 249 calls it."""

    with pytest.raises(WarehouseError) as raised, reported("warehouse", "reading", "Look."):
        raise Error(f"the procedure said: {number} is not known")
    assert digits[:5] not in str(raised.value)
    assert digits[5:] not in str(raised.value)


def test_an_error_that_is_not_the_databases_passes() -> None:
    with pytest.raises(ZeroDivisionError), reported("warehouse", "reading", "Look."):
        raise ZeroDivisionError


def test_a_token_of_motherduck_is_hidden() -> None:
    with pytest.raises(WarehouseError) as raised, opening("warehouse"):
        raise ConnectionError("cannot open md:sales?motherduck_token=abc.def-123&x=1")
    assert "abc" not in str(raised.value)
    assert "md:sales" in str(raised.value)


def test_a_long_message_is_cut() -> None:
    assert len(database_message(duckdb_error(f"SELECT {'a' * 5000}"))) < 600


def test_a_time_limit_of_the_server_has_its_own_remedy(postgres_server: PostgresDatabase) -> None:
    error = postgres_error(postgres_server, "SET statement_timeout = 20; SELECT pg_sleep(5)")
    with pytest.raises(WarehouseError, match="Raise the statement_timeout of its user") as told, _reading():
        raise error
    assert "may read" not in str(told.value)


def _reading() -> AbstractContextManager[None]:
    return reported("dwh", "reading the contacts", "Check that the user may read it.")
