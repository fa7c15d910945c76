"""Whether a table that is already there can take what is written to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from phonon.warehouse.dialect import Dialect
from phonon.warehouse.failures import WrongTableError
from phonon.warehouse.tables import Column, Table

_LENGTH = re.compile(r"\(\s*\d+\s*(?:,\s*\d+\s*)?\)")


@dataclass(frozen=True)
class FoundColumn:
    """A column of an existing table. ``filled`` says that the database fills it when nobody does."""

    name: str
    type: str
    nullable: bool
    filled: bool


def check_columns(table: Table, found: Iterable[FoundColumn], *, dialect: Dialect, conn_id: str) -> None:
    """Raise WrongTableError for the first column that is not there, or that what is written would not fit.

    Columns that somebody added are fine as long as the database fills them.
    """
    there = {column.name.lower(): column for column in found}
    for column in table.columns:
        other = there.pop(column.name, None)
        expected = dialect.type_of(column)
        if other is None:
            raise wrong(table, conn_id, f"it has no column {column.name} ({expected})", f"Add it as {expected}")
        if _plain(other.type) not in column.kind.value.accepted:
            raise wrong(
                table,
                conn_id,
                f"column {column.name} is {other.type}, expected {expected}",
                f"Change it to {expected}",
            )
        if not (column.required or other.nullable):
            raise wrong(
                table,
                conn_id,
                f"column {column.name} is {other.type} NOT NULL, expected {expected} that may be null",
                "Drop its NOT NULL",
            )
    for extra in there.values():
        if not (extra.nullable or extra.filled):
            raise wrong(
                table,
                conn_id,
                f"column {extra.name} ({extra.type}) is not one of ours and is NOT NULL without a default",
                "Give it a default or let it be null",
            )


def lacking(table: Table, found: Iterable[str]) -> list[Column]:
    """The columns that a table made by an earlier version of this project does not have yet."""
    there = {name.lower() for name in found}
    return [column for column in table.columns if column.later and column.name not in there]


def adding_cure(table: Table, columns: Iterable[Column], dialect: Dialect) -> str:
    """What to do by hand where the columns cannot be added, as the exact statements."""
    statements = "; ".join(dialect.add_column(table, column) for column in columns)
    return f"Have somebody who may run this, then try again: {statements}."


def check_names(table: Table, found: Iterable[str], *, dialect: Dialect, conn_id: str) -> None:
    """As check_columns, where an engine tells no more than the names of the columns."""
    there = {name.lower() for name in found}
    for column in table.columns:
        if column.name not in there:
            expected = dialect.type_of(column)
            raise wrong(table, conn_id, f"it has no column {column.name} ({expected})", f"Add it as {expected}")


def wrong(table: Table, conn_id: str, what: str, cure: str) -> WrongTableError:
    """The error for a table of another shape. ``cure`` is an imperative without its full stop."""
    return WrongTableError(
        f"Table {table.name} in the warehouse {conn_id!r} cannot be written: {what}. {cure}, or name another "
        "results_table in the campaign: a table that is not there is created."
    )


def no_schema(table: Table, conn_id: str) -> WrongTableError:
    """The error for a schema that is not there."""
    return WrongTableError(
        f"Table {table.name} cannot be created in the warehouse {conn_id!r}: there is no schema "
        f"{table.name.schema}. Create it (CREATE SCHEMA {table.name.schema}), or correct results_table."
    )


def suggested(columns: Iterable[Column], dialect: Dialect) -> str:
    """The columns with their types, for a person who has to create the table."""
    return ", ".join(f"{column.name} {dialect.type_of(column)}" for column in columns)


def _plain(found_type: str) -> str:
    return _LENGTH.sub("", found_type).strip().lower()
