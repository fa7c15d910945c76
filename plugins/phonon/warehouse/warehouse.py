"""What every warehouse can do, and which one belongs to an Airflow connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any, Protocol

from phonon.errors import ConfigurationError
from phonon.grouped_rows import GroupedRows
from phonon.warehouse import tables
from phonon.warehouse.dialect import Dialect
from phonon.warehouse.failures import reported
from phonon.warehouse.rows import checked
from phonon.warehouse.tables import RESULTS_TABLE, Table

if TYPE_CHECKING:
    import pandas as pd

_WRITING_CURE = "Nothing was written. Check that the connection's user may write to it, and that there is space."


class SqlHook(Protocol):
    """What is needed of Airflow's DbApiHook."""

    conn_type: str

    def get_conn(self) -> Any:
        """Open a connection as PEP 249 has it."""


class Warehouse(ABC):
    """Where contacts are read and results are written. Holds no connection between two calls.

    Every failure of the database is a WarehouseError with its own words, without rows and without the statement;
    nothing is logged.

    :param hook: opens the connections.
    :param conn_id: its Airflow connection, for the errors.
    """

    def __init__(self, hook: SqlHook, *, conn_id: str) -> None:
        self._hook = hook
        self._conn_id = conn_id

    @abstractmethod
    def read(self, sql: str, *, chunk_rows: int) -> Generator[pd.DataFrame, None, None]:
        """Yield the rows of a query in frames of at most ``chunk_rows``, in constant memory.

        There is at least one frame, with its columns and no row if the query has none. Columns hold the driver's
        Python values (dtype object). The connection is open from the first frame until the last, an error, or
        the generator's ``close()``.
        """

    @abstractmethod
    def rows(self, sql: str, *, most: int) -> list[tuple[Any, ...]]:
        """The first rows of a small query, without pandas; ask for no times, which drivers give differently."""

    @abstractmethod
    def types_of(self, sql: str) -> Mapping[str, str]:
        """The columns of a query, each with the engine's name of its type; "" where only a value can tell.

        May run the query: give one without rows.
        """

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """How its SQL is written."""

    @abstractmethod
    def ensure_tables(self, results_table: str) -> None:
        """Create the results table and the table of runs beside it, or check those that are there.

        :param results_table: ``table`` or ``schema.table``; the schema must exist.

        Raises WrongTableError, with the cure, for a table that cannot take what is written to it.
        """

    def replace_results(
        self, results_table: str, *, campaign: str, interval_key: str, chunks: Iterable[GroupedRows]
    ) -> int:
        """Replace the results of a campaign's interval in one transaction: all of them or, after an error, none.

        :param chunks: rows with columns of the results table; one that is left out is null, and campaign and
            interval_key need not be there. Times are aware. Taken one at a time, while the transaction is open.

        Returns the number of rows written.
        """
        key = {"campaign": campaign, "interval_key": interval_key}
        table = tables.results_table(results_table)
        return self._replace(table, key, (checked(table, chunk, key=key) for chunk in chunks))

    def replace_run(
        self,
        run: Mapping[str, object],
        *,
        results_table: str = RESULTS_TABLE,
        late: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """Replace the one row of a campaign's run.

        :param run: columns of the table of runs, campaign and run_id among them; one that is left out is null.
        :param results_table: the campaign's, beside which the table of runs is.
        :param late: more columns, asked for when nobody else can replace the row any more, as far as the database
            locks: so a number that only grows never goes back.
        """
        table = tables.runs_table(results_table)

        def rows() -> Iterator[GroupedRows]:
            whole = {**run, **late()}
            yield checked(table, GroupedRows([1], {name: [value] for name, value in whole.items()}, {}), key={})

        self._replace(table, {name: str(run[name]) for name in table.key}, rows())

    def check_writable(self, results_table: str) -> None:
        """Raise WarehouseError if results could not be written, by a deletion of nothing that is not committed."""
        for table in (tables.results_table(results_table), tables.runs_table(results_table)):
            with closing(self._connect_to_write()) as connection, self._writing(table):
                self._clear(connection, table, dict.fromkeys(table.key, ""))

    def update_run(self, run: Mapping[str, object], *, results_table: str = RESULTS_TABLE) -> bool:
        """Change columns of the row of a campaign's run, and leave its others as they are.

        :param run: the columns to change, and campaign and run_id, which name the row.

        Returns whether there is such a row.
        """
        table = tables.runs_table(results_table)
        key = {name: str(run[name]) for name in table.key}
        changes = {name: value for name, value in run.items() if name not in key}
        with closing(self._connect_to_write()) as connection, self._writing(table):
            is_there = self._update(connection, table, key, changes)
            connection.commit()
        return is_there

    @abstractmethod
    def _update(self, connection: Any, table: Table, key: Mapping[str, str], changes: Mapping[str, object]) -> bool:
        """Begin a transaction in which nobody else replaces the rows of this key, and change them.

        Returns whether there are any.
        """

    @abstractmethod
    def _connect_to_write(self) -> Any:
        """Open a connection. Closing it without a commit must undo what was written."""

    @abstractmethod
    def _clear(self, connection: Any, table: Table, key: Mapping[str, str]) -> None:
        """Begin a transaction in which nobody else replaces the rows of this key, and delete them."""

    @abstractmethod
    def _insert(self, connection: Any, table: Table, rows: GroupedRows) -> None:
        """Insert rows in bulk."""

    def _replace(self, table: Table, key: Mapping[str, str], chunks: Iterable[GroupedRows]) -> int:
        with closing(self._connect_to_write()) as connection:
            with self._writing(table):
                self._clear(connection, table, key)
            written = self._insert_all(connection, table, chunks)
            with self._writing(table):
                connection.commit()
        return written

    def _insert_all(self, connection: Any, table: Table, chunks: Iterable[GroupedRows]) -> int:
        """Insert the chunks one after another; gives the number of rows."""
        written = 0
        # Whoever makes the chunks reports his own errors: they are not the warehouse's.
        for rows in chunks:
            if len(rows):
                with self._writing(table):
                    self._insert(connection, table, rows)
            written += len(rows)
        return written

    def _writing(self, table: Table) -> AbstractContextManager[None]:
        return reported(self._conn_id, f"writing to the table {table.name}", _WRITING_CURE)


def open_warehouse(hook: SqlHook, *, conn_id: str) -> Warehouse:
    """The warehouse of a hook: DuckDB, PostgreSQL, or any other whose hook gives a PEP 249 connection.

    Connects to nothing yet. Raises ConfigurationError for a hook of something else than a database.
    """
    conn_type = getattr(hook, "conn_type", None)
    if not callable(getattr(hook, "get_conn", None)) or not hasattr(type(hook), "placeholder"):
        raise ConfigurationError(
            f"The connection {conn_id!r} of type {conn_type} is not a database. Give the warehouse a connection of "
            "type duckdb, postgres or another with SQL."
        )
    # Each file imports its driver's world only when it is the one that is needed.
    if conn_type == "duckdb":
        from phonon.warehouse.duckdb_warehouse import DuckDBWarehouse  # noqa: PLC0415 - DuckDB may not be installed

        return DuckDBWarehouse(hook, conn_id=conn_id)
    if conn_type == "postgres":
        from phonon.warehouse.postgres_warehouse import PostgresWarehouse  # noqa: PLC0415 - imports pandas

        return PostgresWarehouse(hook, conn_id=conn_id)
    from phonon.warehouse.generic_warehouse import GenericWarehouse  # noqa: PLC0415 - imports pandas

    return GenericWarehouse(hook, conn_id=conn_id)
