"""Many rows into one table with one statement that is made once: what a campaign writes for every contact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import orjson
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Insert rows of texts, numbers and nulls, each with a value for each of the columns.

    SQLAlchemy looks at every value of every row, which takes longer than the database does. So SQLite gets the
    rows as they are, and PostgreSQL as one JSON text, which it reads exactly: 64-bit integers, doubles, Unicode.
    """
    if not rows:
        return
    statement = _statement(table, tuple(columns), connection.dialect.name)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement, (_json(columns, rows),))
    else:
        connection.exec_driver_sql(statement, list(map(tuple, rows)))


def _json(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows]).decode()


@cache
def _statement(table: Table, columns: tuple[str, ...], dialect: str) -> str:
    names = ", ".join(columns)
    if dialect != "postgresql":
        return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - our own names
    types = {name: table.c[name].type.compile(postgresql.dialect()) for name in columns}  # type: ignore[no-untyped-call]
    shape = ", ".join(f"{name} {kind}" for name, kind in types.items())
    return f"INSERT INTO {table.name} ({names}) SELECT {names} FROM json_to_recordset(%s::json) AS given({shape})"  # noqa: S608 - as above
