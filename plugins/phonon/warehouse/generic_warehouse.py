"""Any other database as the warehouse, by what PEP 249 and ANSI SQL promise and no more.

Rows are read with a plain cursor, which some drivers fill with the whole answer before the first frame, and
written with executemany. Whether a transaction covers both the delete and the inserts is up to the database.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from phonon.errors import WarehouseError
from phonon.grouped_rows import GroupedRows
from phonon.warehouse import tables
from phonon.warehouse.dialect import Dialect, Spelling
from phonon.warehouse.failures import opening, reported
from phonon.warehouse.frames import READING, READING_CURE, check_chunk_rows, column_names, fetched
from phonon.warehouse.inspection import adding_cure, check_names, lacking, suggested
from phonon.warehouse.tables import Column, Table
from phonon.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd


class GenericWarehouse(Warehouse):
    """A database that has an Airflow hook and no file of its own here."""

    def read(self, sql: str, *, chunk_rows: int) -> Generator[pd.DataFrame, None, None]:
        """As Warehouse.read, as far as the driver streams. What a query would change is undone at the end."""
        check_chunk_rows(chunk_rows)
        with closing(self._connect_to_write()) as connection, closing(connection.cursor()) as cursor:
            with reported(self._conn_id, READING, READING_CURE):
                cursor.execute(sql)
            yield from fetched(cursor, chunk_rows=chunk_rows, conn_id=self._conn_id)

    def rows(self, sql: str, *, most: int) -> list[tuple[Any, ...]]:
        """As Warehouse.rows."""
        with (
            closing(self._connect_to_write()) as connection,
            closing(connection.cursor()) as cursor,
            reported(self._conn_id, READING, READING_CURE),
        ):
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchmany(most)]

    def types_of(self, sql: str) -> Mapping[str, str]:
        """As Warehouse.types_of: PEP 249 has no names of types."""
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            with reported(self._conn_id, READING, READING_CURE):
                cursor.execute(sql)
            return dict.fromkeys(column_names(cursor.description, conn_id=self._conn_id), "")

    def ensure_tables(self, results_table: str) -> None:
        """As Warehouse.ensure_tables, but of a table that is there only the columns' names are checked."""
        for table in (tables.results_table(results_table), tables.runs_table(results_table)):
            with closing(self._connect_to_write()) as connection:
                found = self._column_names(connection, table)
            if isinstance(found, WarehouseError):
                self._create(table, found)
                continue
            # Only now, since a connection that has looked at a table may keep others from altering it.
            added = lacking(table, found)
            self._add_columns(table, added)
            names = [*found, *(column.name for column in added)]
            check_names(table, names, dialect=self.dialect, conn_id=self._conn_id)

    def _connect_to_write(self) -> Any:
        connection = self._connect()
        hook: Any = self._hook
        if getattr(hook, "supports_autocommit", False):
            with reported(self._conn_id, "beginning a transaction", "Check that the connection allows one."):
                hook.set_autocommit(connection, False)
        return connection

    def _clear(self, connection: Any, table: Table, key: Mapping[str, str]) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute(self.dialect.delete(table), tuple(key[name] for name in table.key))

    def _update(self, connection: Any, table: Table, key: Mapping[str, str], changes: Mapping[str, object]) -> bool:
        with closing(connection.cursor()) as cursor:
            values = (*changes.values(), *(key[name] for name in table.key))
            cursor.execute(self.dialect.update(table, list(changes)), values)
            # Fewer than none where the driver cannot tell: then nothing is inserted beside what may be there.
            return bool(cursor.rowcount)

    def _insert(self, connection: Any, table: Table, rows: GroupedRows) -> None:
        with closing(connection.cursor()) as cursor:
            statement = self.dialect.insert(table, [*rows.shared, *rows.own])
            cursor.executemany(statement, [tuple(row.values()) for row in rows])

    def _column_names(self, connection: Any, table: Table) -> list[str] | WarehouseError:
        """The columns of a table, or the database's complaint about one that it cannot show."""
        try:
            with (
                reported(self._conn_id, f"looking at the table {table.name}", ""),
                closing(connection.cursor()) as cursor,
            ):
                cursor.execute(self.dialect.nothing_of(table))
                return list(column_names(cursor.description, conn_id=self._conn_id))
        except WarehouseError as error:
            return error

    def _add_columns(self, table: Table, columns: Sequence[Column]) -> None:
        for column in columns:
            with (
                closing(self._connect_to_write()) as connection,
                reported(
                    self._conn_id,
                    f"adding to the table {table.name}",
                    adding_cure(table, columns, self.dialect),
                ),
                closing(connection.cursor()) as cursor,
            ):
                cursor.execute(self.dialect.add_column(table, column))
                connection.commit()

    def _create(self, table: Table, missing: WarehouseError) -> None:
        dialect = self.dialect
        cure = (
            f"Before that: {missing} If the table is not there, create it in the database's own types: "
            f"{suggested(table.columns, dialect)}."
        )
        # A connection of its own: on some databases the one that failed to find the table can do nothing more.
        with (
            closing(self._connect_to_write()) as connection,
            reported(self._conn_id, f"creating the table {table.name}", cure),
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(dialect.create(table))
            connection.commit()

    @property
    def dialect(self) -> Dialect:
        """What ANSI SQL has, with the driver's parameters."""
        hook: Any = self._hook
        return Dialect(types="ansi", spelling=Spelling.PLAIN, placeholder=str(hook.placeholder))

    def _connect(self) -> Any:
        with opening(self._conn_id):
            return self._hook.get_conn()
