"""Many rows into one table with one statement that is made once: what a campaign writes for every contact."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Insert rows of texts, numbers and nulls, each with a value for each of the columns.

    SQLAlchemy looks at every value of every row, which takes longer than the database does. So the driver gets
    the rows as they are, and its errors come as its own: ``Ledger.transaction`` knows them.
    """
    if not rows:
        return
    statement = _statement(table, tuple(columns), connection.dialect.name)
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    else:
        connection.exec_driver_sql(statement, list(map(tuple, rows)))


@cache
def _statement(table: Table, columns: tuple[str, ...], dialect: str) -> str:
    names = ", ".join(columns)
    if dialect == "postgresql":
        return f"COPY {table.name} ({names}) FROM STDIN"
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - our own names
