"""The warehouse as a rehearsal has it: read, and not changed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn

from phonon.errors import WarehouseError
from phonon.grouped_rows import GroupedRows
from phonon.warehouse.dialect import Dialect
from phonon.warehouse.tables import Table
from phonon.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd


class ReadWarehouse(Warehouse):
    """Another warehouse, of which nothing is created and nothing written.

    :param most_rows: rows of a chunk, at most.
    :param enough: asked after each chunk; True ends the reading.
    """

    def __init__(
        self, warehouse: Warehouse, *, most_rows: int | None = None, enough: Callable[[], bool] | None = None
    ) -> None:
        self._warehouse = warehouse
        self._most_rows = most_rows
        self._enough = enough

    def read(self, sql: str, *, chunk_rows: int) -> Generator[pd.DataFrame, None, None]:
        """As Warehouse.read, and perhaps not to the end."""
        rows = min(chunk_rows, self._most_rows or chunk_rows)
        with closing(self._warehouse.read(sql, chunk_rows=rows)) as chunks:
            for chunk in chunks:
                yield chunk
                if self._enough is not None and self._enough():
                    return

    def rows(self, sql: str, *, most: int) -> list[tuple[Any, ...]]:  # noqa: ARG002 - as declared
        """None: the copy of the ledger sends nothing, and the tables need not be there."""
        return []

    def types_of(self, sql: str) -> Mapping[str, str]:
        """As Warehouse.types_of."""
        return self._warehouse.types_of(sql)

    @property
    def dialect(self) -> Dialect:
        """The other warehouse's."""
        return self._warehouse.dialect

    def ensure_tables(self, results_table: str) -> None:
        """Leave the tables as they are."""

    def check_writable(self, results_table: str) -> None:
        """A rehearsal writes nothing."""

    def _connect_to_write(self) -> NoReturn:
        raise WarehouseError("A rehearsal writes nothing to the warehouse.")

    def _clear(self, connection: Any, table: Table, key: Mapping[str, str]) -> NoReturn:  # noqa: ARG002 - as declared
        self._connect_to_write()

    def _insert(self, connection: Any, table: Table, rows: GroupedRows) -> NoReturn:  # noqa: ARG002 - as declared
        self._connect_to_write()

    def _update(
        self,
        connection: Any,  # noqa: ARG002 - as declared
        table: Table,  # noqa: ARG002 - as declared
        key: Mapping[str, str],  # noqa: ARG002 - as declared
        changes: Mapping[str, object],  # noqa: ARG002 - as declared
    ) -> NoReturn:
        self._connect_to_write()
