"""A DuckDB file as the warehouse.

DuckDB lets one process write a file, or several read it, at a time. So the file is opened for one call and
closed at its end, and whoever finds it held waits a while. ``read`` holds it (with other readers) until its last
frame: a process that writes meanwhile waits, and one that reads slowly makes others wait long.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from phonon.errors import ConfigurationError, WarehouseError
from phonon.grouped_rows import GroupedRows
from phonon.warehouse import tables
from phonon.warehouse.arrow_rows import record_batch, schema_of
from phonon.warehouse.dialect import DUCKDB, Dialect
from phonon.warehouse.failures import database_message, opening, reported
from phonon.warehouse.frames import READING, READING_CURE, check_chunk_rows, column_names, fetched, objects
from phonon.warehouse.inspection import (
    FoundColumn,
    adding_cure,
    check_columns,
    lacking,
    no_schema,
    wrong,
)
from phonon.warehouse.tables import Column, Kind, Table
from phonon.warehouse.warehouse import SqlHook, Warehouse

if TYPE_CHECKING:
    import pandas as pd

_LOCK_WAIT_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 2.0
# Left alone, DuckDB takes most of the machine's memory, which a task shares with other tasks: it keeps what it has
# read of a file. A sort or a join of millions of rows takes as long with this, since it goes to disk.
_MODEST = {"memory_limit": "128MB", "threads": 1}
# Two threads that open a file at the same moment can get a half-made database, and of two that replace the same row
# one fails: DuckDB only keeps processes apart.
_OPENING, _WRITING = Lock(), Lock()
# The first comes from another process, the others from another connection of this one, open or being opened.
_HELD = (
    "Could not set lock on file",
    "different configuration than existing connections",
    "Unique file handle conflict",
)

# Of a statement that takes seconds DuckDB draws a bar on the standard output of whoever runs it.
_NO_PROGRESS = "SET enable_progress_bar = false"

_REPLACED = {Kind.TIMESTAMP.value.duckdb: "epoch_us({})", "FLOAT": "CAST(CAST({} AS VARCHAR) AS DOUBLE)"}
"""Types of columns that are read as another one, and how that is made of them."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INCOMING = "phonon_incoming_rows"

_SCHEMA = "SELECT coalesce(?, current_schema())"
_HAS_SCHEMA = """
    SELECT count(*) FROM duckdb_schemas() WHERE database_name = current_database() AND lower(schema_name) = lower(?)
"""
_IS_VIEW = """
    SELECT count(*) FROM duckdb_views()
    WHERE database_name = current_database() AND lower(schema_name) = lower(?) AND lower(view_name) = lower(?)
"""
_COLUMNS = """
    SELECT column_name, data_type, is_nullable, column_default IS NOT NULL FROM duckdb_columns()
    WHERE database_name = current_database() AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)
    ORDER BY column_index
"""


class DuckDBWarehouse(Warehouse):
    """A DuckDB file, opened through Airflow's DuckDBHook.

    :param lock_wait_seconds: how long to wait for a file that another process holds.
    """

    def __init__(self, hook: SqlHook, *, conn_id: str, lock_wait_seconds: float = _LOCK_WAIT_SECONDS) -> None:
        super().__init__(hook, conn_id=conn_id)
        self._lock_wait_seconds = lock_wait_seconds

    def read(self, sql: str, *, chunk_rows: int) -> Generator[pd.DataFrame, None, None]:
        """As Warehouse.read. The file is open read-only, for this process and others, while frames are taken."""
        check_chunk_rows(chunk_rows)
        with closing(self._connect(read_only=True)) as connection:
            with reported(self._conn_id, READING, READING_CURE):
                zoned, query = self._as_python_takes_it(connection, sql)
                self._run(connection, query)
            for frame in fetched(connection, chunk_rows=chunk_rows, conn_id=self._conn_id):
                for name in zoned:
                    frame[name] = objects([_time(value) for value in frame[name]])
                yield frame

    def rows(self, sql: str, *, most: int) -> list[tuple[Any, ...]]:
        """As Warehouse.rows."""
        with closing(self._connect(read_only=True)) as connection, reported(self._conn_id, READING, READING_CURE):
            return list(connection.execute(sql).fetchmany(most))

    def types_of(self, sql: str) -> Mapping[str, str]:
        """As Warehouse.types_of, without running the query."""
        with closing(self._connect(read_only=True)) as connection, reported(self._conn_id, READING, READING_CURE):
            relation = connection.sql(sql)
            return dict(zip(relation.columns, map(str, relation.types), strict=True))

    @property
    def dialect(self) -> Dialect:
        """DuckDB's."""
        return DUCKDB

    def ensure_tables(self, results_table: str) -> None:
        """As Warehouse.ensure_tables. Opens the file for writing only when there is something to create."""
        wanted = (tables.results_table(results_table), tables.runs_table(results_table))
        with closing(self._connect(read_only=True)) as connection:
            absent = [
                table
                for table in wanted
                if self._lacking(connection, table) or not self._is_there(connection, table)
            ]
        if not absent:
            return
        with closing(self._connect(read_only=False)) as connection:
            for table in absent:
                self._add_columns(connection, table)
                if not self._is_there(connection, table):
                    with reported(self._conn_id, f"creating the table {table.name}", "May its user create it?"):
                        connection.execute(DUCKDB.create(table))

    def _replace(self, table: Table, key: Mapping[str, str], chunks: Iterable[GroupedRows]) -> int:
        with _WRITING:
            return super()._replace(table, key, chunks)

    def _connect_to_write(self) -> Any:
        connection = self._connect(read_only=False)
        self._be_modest(connection)
        return connection

    def _be_modest(self, connection: Any) -> list[str]:
        """Limit what DuckDB takes, where the connection does not say what it may; gives what was set."""
        hook: Any = self._hook
        ours = {name: value for name, value in _MODEST.items() if name not in hook.get_connect_config()}
        for name, value in ours.items():
            connection.execute(f"SET {name} = '{value}'")
        return list(ours)

    def _run(self, connection: Any, query: str) -> None:
        """Run a query, with little memory at first."""
        ours = self._be_modest(connection)
        try:
            connection.execute(query)
        except duckdb.OutOfMemoryException:
            # A few things do not go to disk, such as the median of each of a million groups.
            for name in ours:
                connection.execute(f"RESET {name}")
            connection.execute(query)

    def _clear(self, connection: Any, table: Table, key: Mapping[str, str]) -> None:
        connection.begin()
        connection.execute(DUCKDB.delete(table), [key[name] for name in table.key])

    def _update(self, connection: Any, table: Table, key: Mapping[str, str], changes: Mapping[str, object]) -> bool:
        connection.execute("BEGIN TRANSACTION")
        values = [*changes.values(), *(key[name] for name in table.key)]
        (changed,) = connection.execute(DUCKDB.update(table, list(changes)), values).fetchone()
        return bool(changed)

    def _insert(self, connection: Any, table: Table, rows: GroupedRows) -> None:
        self._insert_all(connection, table, [rows])

    def _insert_all(self, connection: Any, table: Table, chunks: Iterable[GroupedRows]) -> int:
        """Insert the chunks as one stream: a transaction of many inserts holds all of them in memory."""
        written = 0
        schema = schema_of(table.columns)
        failed: list[BaseException] = []

        def batches() -> Iterator[Any]:
            nonlocal written
            try:
                for rows in chunks:
                    written += len(rows)
                    yield record_batch(schema, rows)
            except BaseException as error:
                failed.append(error)
                raise

        names = DUCKDB.names(schema.names)
        connection.register(_INCOMING, pa.RecordBatchReader.from_batches(schema, batches()))
        try:
            with self._writing(table):
                connection.execute(
                    f"INSERT INTO {DUCKDB.table(table.name)} BY NAME SELECT {names} FROM {_INCOMING}"  # noqa: S608 - constants
                )
        except WarehouseError:
            if failed:  # the error of whoever makes the chunks, which DuckDB has wrapped in its own
                raise failed[0] from None
            raise
        return written

    def _is_there(self, connection: Any, table: Table) -> bool:
        """Whether the table exists. Raises WrongTableError if it cannot be written."""
        with reported(self._conn_id, f"looking at the table {table.name}", "Check the file."):
            schema = connection.execute(_SCHEMA, [table.name.schema]).fetchone()[0]
            place = [schema, table.name.table]
            has_schema = connection.execute(_HAS_SCHEMA, [schema]).fetchone()[0]
            is_view = connection.execute(_IS_VIEW, place).fetchone()[0]
            found = [FoundColumn(*row) for row in connection.execute(_COLUMNS, place).fetchall()]
        if not has_schema:
            raise no_schema(table, self._conn_id)
        if is_view:
            raise wrong(table, self._conn_id, "it is a view", "Drop it")
        if found:
            check_columns(table, found, dialect=DUCKDB, conn_id=self._conn_id)
        return bool(found)

    def _lacking(self, connection: Any, table: Table) -> list[Column]:
        """The columns that a table of an earlier version lacks; none of a table that is not there, or is a view."""
        with reported(self._conn_id, f"looking at the table {table.name}", "Check the file."):
            schema = connection.execute(_SCHEMA, [table.name.schema]).fetchone()[0]
            found = [row[0] for row in connection.execute(_COLUMNS, [schema, table.name.table]).fetchall()]
        return lacking(table, found) if found else []

    def _add_columns(self, connection: Any, table: Table) -> None:
        columns = self._lacking(connection, table)
        with reported(self._conn_id, f"adding to the table {table.name}", adding_cure(table, columns, DUCKDB)):
            for column in columns:
                connection.execute(DUCKDB.add_column(table, column))

    def _as_python_takes_it(self, connection: Any, sql: str) -> tuple[list[str], str]:
        """The columns of a query that are times with a zone, and the query with what Python would not take well.

        Times with a zone are microseconds: DuckDB makes them with pytz, which it does not install. A number of
        single precision is the nearest one to what it is written as: 1999.99, not 1999.989990234375.
        """
        relation = connection.sql(sql)
        columns = [] if relation is None else [(name,) for name in relation.columns]
        names = column_names(columns, conn_id=self._conn_id)
        types = {name: str(its_type) for name, its_type in zip(names, relation.types, strict=True)}
        replaced = {name: _REPLACED[its_type] for name, its_type in types.items() if its_type in _REPLACED}
        if not replaced:
            return [], sql
        replacing = ", ".join(f"{how.format(_quoted(name))} AS {_quoted(name)}" for name, how in replaced.items())
        text = sql.replace("'", "''")
        zoned = [name for name, its_type in types.items() if its_type == Kind.TIMESTAMP.value.duckdb]
        return zoned, f"SELECT * REPLACE ({replacing}) FROM query('{text}')"  # noqa: S608 - the caller's own query

    def _connect(self, *, read_only: bool) -> Any:
        waiting = Retrying(
            retry=retry_if_exception(_is_held),
            stop=stop_after_delay(self._lock_wait_seconds),
            wait=wait_random_exponential(multiplier=0.05, max=_LONGEST_PAUSE_SECONDS),
            reraise=True,
        )
        with opening(self._conn_id):
            try:
                with _OPENING:
                    return waiting(self._open, read_only=read_only)
            except duckdb.Error as error:
                if _is_held(error):
                    raise self._still_held(error) from None
                raise

    def _open(self, *, read_only: bool) -> Any:
        hook: Any = self._hook
        database = str(hook.get_database())
        if database.startswith(":memory:"):
            raise ConfigurationError(
                f"The warehouse {self._conn_id!r} is a DuckDB database in memory, which is empty in each task and "
                "lost after it. Put the path of a file into the connection's host."
            )
        # A file that is not there yet cannot be opened read-only, although its queries may read other files.
        if not (read_only and Path(database).is_file()):
            connection = hook.get_conn()
            connection.execute(_NO_PROGRESS)
            return connection
        # What get_conn does, but for the mode, which is the hook's own for all its connections.
        connection = duckdb.connect(database, read_only=True, config=hook.get_connect_config())
        try:
            connection.execute(_NO_PROGRESS)
            hook.load_extensions(connection)
            hook.configure_secrets(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _still_held(self, error: Exception) -> WarehouseError:
        return WarehouseError(
            f"The DuckDB file of the warehouse {self._conn_id!r} was held by another process, or by another "
            f"connection of this one, for {self._lock_wait_seconds:g} s: {database_message(error)} Only one "
            "process can write a DuckDB file, and nobody reads it meanwhile. Close what holds it (a notebook, the "
            "DuckDB shell, a dashboard, a long query) and run this again, or move the warehouse to PostgreSQL."
        )


def _is_held(error: BaseException) -> bool:
    return isinstance(error, duckdb.Error) and any(words in str(error) for words in _HELD)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _time(microseconds: int | None) -> dt.datetime | None:
    return None if microseconds is None else _EPOCH + dt.timedelta(microseconds=microseconds)
