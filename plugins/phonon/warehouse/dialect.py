"""The few statements that are written, as text in each engine's way."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from phonon.cursor_value import CursorKind, CursorValue
from phonon.errors import ConfigurationError
from phonon.warehouse.tables import Column, Kind, Table, TableName

_LITERAL_TYPES = {
    CursorKind.DATE: "DATE",
    CursorKind.TIMESTAMP: "TIMESTAMP",
    CursorKind.ZONED: "TIMESTAMP WITH TIME ZONE",
}


class Spelling(Enum):
    """How an engine's names are written so that they mean what they mean unquoted."""

    QUOTED = "quoted"
    QUOTED_LOWER = "quoted in small letters"
    PLAIN = "plain"


@dataclass(frozen=True)
class Dialect:
    """How one engine writes names, types and parameters.

    Every name that reaches it is a constant of tables.py or was validated by TableName.parse.

    :param types: the field of TypeNames that holds its types.
    :param placeholder: a parameter of a statement, as its driver wants it.
    """

    types: str
    spelling: Spelling
    placeholder: str

    def name(self, identifier: str) -> str:
        """One identifier."""
        if self.spelling is Spelling.PLAIN:
            return identifier
        return f'"{identifier.lower()}"' if self.spelling is Spelling.QUOTED_LOWER else f'"{identifier}"'

    def names(self, columns: Iterable[str]) -> str:
        """Column names, separated by commas."""
        return ", ".join(map(self.name, columns))

    def table(self, name: TableName) -> str:
        """A table's whole name."""
        return ".".join(self.name(part) for part in (name.schema, name.table) if part is not None)

    def type_of(self, column: Column) -> str:
        """The type a column is created with."""
        template: str = getattr(column.kind.value, self.types)
        return template.format(length=column.length)

    def column(self, name: str) -> str:
        """A column of a user's query, exactly as its result calls it.

        Raises ConfigurationError for a name that an engine without a file of its own could misread.
        """
        if self.spelling is not Spelling.PLAIN:
            return '"' + name.replace('"', '""') + '"'
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
            raise ConfigurationError(
                f"Column {name} cannot be named in every database: give it a name of letters, digits and '_'."
            )
        return name

    def growing(self, name: str, kind: CursorKind | None) -> str:
        """A column, so that it is compared in the order that CursorValue has."""
        column = self.column(name)
        return f'CAST({column} AS {Kind.TEXT.value.duckdb}) COLLATE "C"' if kind is CursorKind.TEXT else column

    def literal(self, value: CursorValue) -> str:
        """A value as SQL."""
        if value.kind is CursorKind.NUMBER:
            return value.plain
        quoted = "'" + value.plain.replace("'", "''") + "'"
        return f"{_LITERAL_TYPES[value.kind]} {quoted}" if value.kind in _LITERAL_TYPES else quoted

    def create(self, table: Table) -> str:
        """CREATE TABLE."""
        columns = ", ".join(
            f"{self.name(column.name)} {self.type_of(column)}{' NOT NULL' if column.required else ''}"
            for column in table.columns
        )
        return f"CREATE TABLE {self.table(table.name)} ({columns})"

    def add_column(self, table: Table, column: Column) -> str:
        """ALTER TABLE that adds a column."""
        return f"ALTER TABLE {self.table(table.name)} ADD COLUMN {self.name(column.name)} {self.type_of(column)}"

    def create_index(self, table: Table) -> str:
        """CREATE INDEX on the key, under a name of the database's choice."""
        return f"CREATE INDEX ON {self.table(table.name)} ({self.names(table.key)})"

    def delete(self, table: Table) -> str:
        """DELETE of the rows with one key, its values being the parameters."""
        condition = " AND ".join(f"{self.name(column)} = {self.placeholder}" for column in table.key)
        return f"DELETE FROM {self.table(table.name)} WHERE {condition}"  # noqa: S608 - names are validated

    def update(self, table: Table, columns: Collection[str]) -> str:
        """UPDATE of these columns in the rows with one key; the parameters are their values, then the key's."""
        changes = ", ".join(f"{self.name(column)} = {self.placeholder}" for column in columns)
        condition = " AND ".join(f"{self.name(column)} = {self.placeholder}" for column in table.key)
        return f"UPDATE {self.table(table.name)} SET {changes} WHERE {condition}"  # noqa: S608 - names are validated

    def insert(self, table: Table, columns: Collection[str]) -> str:
        """INSERT of one row, its values being the parameters."""
        names = self.names(columns)
        values = ", ".join(self.placeholder for _ in columns)
        return f"INSERT INTO {self.table(table.name)} ({names}) VALUES ({values})"  # noqa: S608 - names are validated

    def nothing_of(self, table: Table) -> str:
        """SELECT that gives a table's columns and no row."""
        return f"SELECT * FROM {self.table(table.name)} WHERE 1 = 0"  # noqa: S608 - names are validated


DUCKDB = Dialect(types="duckdb", spelling=Spelling.QUOTED, placeholder="?")
POSTGRES = Dialect(types="postgres", spelling=Spelling.QUOTED_LOWER, placeholder="%s")
