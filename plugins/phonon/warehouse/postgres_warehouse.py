"""PostgreSQL as the warehouse: server-side cursors to read, COPY to write. With psycopg 3 or psycopg2."""

from __future__ import annotations

import io
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, Any

from phonon.grouped_rows import GroupedRows
from phonon.warehouse import tables
from phonon.warehouse.copy_text import copy_text
from phonon.warehouse.dialect import POSTGRES, Dialect
from phonon.warehouse.failures import opening, reported
from phonon.warehouse.frames import READING, READING_CURE, check_chunk_rows, fetched
from phonon.warehouse.inspection import (
    FoundColumn,
    adding_cure,
    check_columns,
    lacking,
    no_schema,
    wrong,
)
from phonon.warehouse.tables import Table
from phonon.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

_CURSOR = "phonon_rows"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_HAS_SCHEMA = "SELECT to_regnamespace(%s) IS NOT NULL"
_SHAPE = "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)"
_COLUMNS = """
    SELECT attname::text, format_type(atttypid, atttypmod), NOT attnotnull, atthasdef OR attidentity <> ''
    FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_TYPE_NAMES = """
    SELECT format_type(type_oid::oid, NULL) FROM unnest(%s::bigint[]) WITH ORDINALITY AS types(type_oid, place)
    ORDER BY place
"""
# pg_class.relkind; a partitioned table is written like a table.
_TABLES = {"r", "p"}
_SHAPES = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index"}


class PostgresWarehouse(Warehouse):
    """A PostgreSQL database, opened through Airflow's PostgresHook."""

    def read(self, sql: str, *, chunk_rows: int) -> Generator[pd.DataFrame, None, None]:
        """As Warehouse.read, in one read-only transaction with a cursor of the server."""
        check_chunk_rows(chunk_rows)
        with closing(self._connect()) as connection, closing(_server_cursor(connection)) as cursor:
            with reported(self._conn_id, READING, READING_CURE):
                cursor.execute(sql)
            yield from fetched(cursor, chunk_rows=chunk_rows, conn_id=self._conn_id)

    def rows(self, sql: str, *, most: int) -> list[tuple[Any, ...]]:
        """As Warehouse.rows."""
        with (
            closing(self._connect()) as connection,
            closing(_cursor(connection)) as cursor,
            reported(self._conn_id, READING, READING_CURE),
        ):
            cursor.execute(sql)
            return list(cursor.fetchmany(most))

    def types_of(self, sql: str) -> Mapping[str, str]:
        """As Warehouse.types_of."""
        with (
            closing(self._connect()) as connection,
            closing(_cursor(connection)) as cursor,
            reported(self._conn_id, READING, READING_CURE),
        ):
            cursor.execute(sql)
            found = [(column[0], column[1]) for column in cursor.description]
            cursor.execute(_TYPE_NAMES, ([oid for _, oid in found],))
            return {name: its_type for (name, _), (its_type,) in zip(found, cursor.fetchall(), strict=True)}

    @property
    def dialect(self) -> Dialect:
        """PostgreSQL's."""
        return POSTGRES

    def ensure_tables(self, results_table: str) -> None:
        """As Warehouse.ensure_tables. A results table that it creates has an index on its key."""
        wanted = (tables.results_table(results_table), tables.runs_table(results_table))
        with closing(self._connect()) as connection, closing(_cursor(connection)) as cursor:
            for table in wanted:
                # Two runs that create a table at the same time would both find it absent.
                self._execute(cursor, table, _LOCK, f"phonon create {table.name}")
                if not self._is_there(cursor, table):
                    self._execute(cursor, table, POSTGRES.create(table))
                    self._execute(cursor, table, POSTGRES.create_index(table))
            with reported(self._conn_id, "creating its tables", "Check that its user may create tables."):
                connection.commit()

    def _connect_to_write(self) -> Any:
        return self._connect()

    def _clear(self, connection: Any, table: Table, key: Mapping[str, str]) -> None:
        values = [key[name] for name in table.key]
        with closing(_cursor(connection)) as cursor:
            # Of two that replace the same rows at once, neither sees what the other inserts: both would stay.
            cursor.execute(_LOCK, (_name_of_lock(table, values),))
            cursor.execute(POSTGRES.delete(table), values)

    def _update(self, connection: Any, table: Table, key: Mapping[str, str], changes: Mapping[str, object]) -> bool:
        names = [key[name] for name in table.key]
        with closing(_cursor(connection)) as cursor:
            cursor.execute(_LOCK, (_name_of_lock(table, names),))
            cursor.execute(POSTGRES.update(table, list(changes)), [*changes.values(), *names])
            return bool(cursor.rowcount)

    def _insert(self, connection: Any, table: Table, rows: GroupedRows) -> None:
        statement = f"COPY {POSTGRES.table(table.name)} ({POSTGRES.names([*rows.shared, *rows.own])}) FROM STDIN"
        text = copy_text(rows)
        with closing(_cursor(connection)) as cursor:
            if _is_psycopg2(connection):
                cursor.copy_expert(statement, io.StringIO(text))
            else:
                with cursor.copy(statement) as copy:
                    copy.write(text)

    def _is_there(self, cursor: Any, table: Table) -> bool:
        """Whether the table exists. Raises WrongTableError if it cannot be written."""
        place = POSTGRES.table(table.name)
        if table.name.schema is not None:
            [(has_schema,)] = self._execute(cursor, table, _HAS_SCHEMA, POSTGRES.name(table.name.schema), rows=True)
            if not has_schema:
                raise no_schema(table, self._conn_id)
        shapes = self._execute(cursor, table, _SHAPE, place, rows=True)
        if not shapes:
            return False
        [(shape,)] = shapes
        if shape not in _TABLES:
            raise wrong(table, self._conn_id, f"it is {_SHAPES.get(shape, 'not a table')}", "Drop it")
        found = [FoundColumn(*row) for row in self._execute(cursor, table, _COLUMNS, place, rows=True)]
        columns = lacking(table, [column.name for column in found])
        if columns:
            with reported(
                self._conn_id, f"adding to the table {table.name}", adding_cure(table, columns, POSTGRES)
            ):
                for column in columns:
                    cursor.execute(POSTGRES.add_column(table, column))
            found = [FoundColumn(*row) for row in self._execute(cursor, table, _COLUMNS, place, rows=True)]
        check_columns(table, found, dialect=POSTGRES, conn_id=self._conn_id)
        return True

    def _execute(self, cursor: Any, table: Table, statement: str, *values: str, rows: bool = False) -> Any:
        cure = "Check that the connection's user may use its schema and create tables in it."
        with reported(self._conn_id, f"looking for the table {table.name}, or creating it", cure):
            cursor.execute(statement, values or None)
            return cursor.fetchall() if rows else []

    def _connect(self) -> Any:
        with opening(self._conn_id):
            connection = self._hook.get_conn()
        # The connection's extra may have switched it on, and then there would be no transaction to undo.
        connection.autocommit = False
        if not _is_psycopg2(connection):
            # Behind a pooler, the next transaction may get a session in which that name is unknown, or another's.
            connection.prepare_threshold = None
        return connection


def _name_of_lock(table: Table, key: Sequence[str]) -> str:
    return " ".join(["phonon replace", str(table.name).lower(), *key])


def _is_psycopg2(connection: Any) -> bool:
    return type(connection).__module__.partition(".")[0] == "psycopg2"


def _cursor(connection: Any, **options: Any) -> Any:
    """A cursor whose rows are tuples, whatever the connection's extra asks for."""
    # Of the two drivers only the one that made the connection need be installed.
    if _is_psycopg2(connection):
        return connection.cursor(cursor_factory=import_module("psycopg2.extensions").cursor, **options)
    return connection.cursor(row_factory=import_module("psycopg.rows").tuple_row, **options)


def _server_cursor(connection: Any) -> Any:
    if _is_psycopg2(connection):
        connection.readonly = True
    else:
        connection.read_only = True
    return _cursor(connection, name=_CURSOR)
