"""A column that only grows: how far it has grown, and the rows in which it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phonon.cursor_value import CursorKind, CursorValue, RowRange
from phonon.errors import ConfigurationError
from phonon.warehouse.subquery import filtered, rows_of
from phonon.warehouse.tables import TableName
from phonon.warehouse.warehouse import Warehouse

_WATCHED = "watched"
_CONTACTS = "contacts"

_LENGTH = re.compile(r"\([^)]*\)")
_WHOLE = "smallint integer bigint tinyint hugeint utinyint usmallint uinteger ubigint uhugeint int"
# The engines' names of types, and of the Python types in which other drivers give values. What is not here has no
# order that is the same in the database and in its text (a float, an enum, money), or is finer than a datetime.
_KINDS: Mapping[str, CursorKind] = {
    **dict.fromkeys((*_WHOLE.split(), "decimal", "numeric"), CursorKind.NUMBER),
    "date": CursorKind.DATE,
    **dict.fromkeys(
        ("timestamp", "timestamp_s", "timestamp_ms", "timestamp without time zone"), CursorKind.TIMESTAMP
    ),
    "timestamp with time zone": CursorKind.ZONED,
    **dict.fromkeys(("varchar", "text", "character varying"), CursorKind.TEXT),
}
_FARTHEST_ZONE = timedelta(hours=14)


@dataclass(frozen=True)
class GrowingColumn:
    """A column of the rows of a query. ``of``: what the query is, for errors."""

    warehouse: Warehouse
    query: str
    name: str
    of: str

    def kind(self) -> CursorKind | None:
        """What it holds; None where only a value can tell.

        Raises ConfigurationError when the query has no such column, or one that cannot be compared.
        """
        types = self.warehouse.types_of(filtered(self.query, "1 = 0", name=_WATCHED))
        if self.name not in types:
            raise ConfigurationError(
                f"{self.of} has no column {self.name}, which is the cursor of new_rows; it has "
                f"{', '.join(types) or 'none'}. Return it, or correct the cursor."
            )
        return self._kind_of(types[self.name]) if types[self.name] else None

    def greatest(self, now: datetime) -> CursorValue | None:
        """The greatest value there is; None without rows.

        A row whose time is still to come is not there yet: one wrong date would hide all rows before it.
        """
        kind = self.kind()
        column = self.warehouse.dialect.growing(self.name, kind)
        ceiling = _ceiling(kind, now)
        there = f" WHERE {column} <= {self.warehouse.dialect.literal(ceiling)}" if ceiling else ""
        sql = f"SELECT max({column}) AS greatest FROM {rows_of(self.query, name=_WATCHED)}{there}"  # noqa: S608 - the user's own query
        with closing(self.warehouse.read(sql, chunk_rows=1)) as chunks:
            value = next(chunks).iat[0, 0]
        if value is None:
            return None
        return CursorValue.of(kind or self._kind_of(type(value).__name__), value)

    def between(self, rows: RowRange) -> str:
        """The query of those of its rows that are in a range.

        Raises ConfigurationError as ``kind`` does, and when the column is of another kind than the range.
        """
        upto, kind, dialect = rows.upto, self.kind(), self.warehouse.dialect
        if upto is None or rows.is_empty:
            return filtered(self.query, "1 = 0", name=_CONTACTS)
        if kind not in {None, upto.kind}:
            raise ConfigurationError(
                f"{self.of} returns {self.name} as a {kind.value if kind else ''}, but it is watched as a "
                f"{upto.kind.value}. Return the cursor of new_rows as it is."
            )
        column = dialect.growing(self.name, upto.kind)
        conditions = [f"{column} <= {dialect.literal(upto)}"]
        conditions += [f"{column} > {dialect.literal(rows.after)}"] if rows.after else []
        return filtered(self.query, " AND ".join(conditions), name=_CONTACTS)

    def _kind_of(self, type_name: str) -> CursorKind:
        kind = _KINDS.get(_LENGTH.sub("", type_name).strip().lower())
        if kind is None:
            raise ConfigurationError(
                f"{self.of} has {self.name} as {type_name}, which is not comparable: the cursor of new_rows is "
                "an integer, decimal, date, timestamp (to microseconds) or text; of a database other than DuckDB "
                "and PostgreSQL an integer, decimal or date. Name another column, or watch a query that casts it."
            )
        return kind


def watched_column(warehouse: Warehouse, *, table: str | None, query: str | None, cursor: str) -> GrowingColumn:
    """The cursor of a table or, without one, of a query."""
    if table is None:
        return GrowingColumn(warehouse, query or "", cursor, "The watched query")
    every = f"SELECT * FROM {warehouse.dialect.table(TableName.parse(table))}"  # noqa: S608 - the name is validated
    return GrowingColumn(warehouse, every, cursor, f"The watched table {table}")


def _ceiling(kind: CursorKind | None, now: datetime) -> CursorValue | None:
    """The greatest value that is not in the future; wherever its clock stands, if nobody knows."""
    farthest = now.astimezone(UTC).replace(tzinfo=None) + _FARTHEST_ZONE
    if kind is CursorKind.ZONED:
        return CursorValue.of(kind, now)
    if kind is CursorKind.TIMESTAMP:
        return CursorValue.of(kind, farthest)
    return CursorValue.of(kind, farthest.date()) if kind is CursorKind.DATE else None
