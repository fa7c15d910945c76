"""From a frame to the values of a table's columns, checked before a database sees them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING
from uuid import UUID

from phonon.errors import WarehouseError
from phonon.warehouse.tables import Column, Kind, Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rows:
    """Rows of one table by column: ``values`` has a list for each of ``columns``, all of ``count`` values.

    Text is str that UTF-8 can carry, timestamps are aware and in UTC, what is missing is None.
    """

    columns: tuple[Column, ...]
    values: tuple[list[object], ...]
    count: int


def rows_of(table: Table, frame: pd.DataFrame, *, key: Mapping[str, str]) -> Rows:
    """Take a frame's columns, in the table's order; one that the frame lacks is null throughout.

    :param key: values of the table's key, the same in each row; the frame may leave these columns out.

    Raises WarehouseError, naming the column and never a value, for an unknown column, a null where there must
    be none, a value of another type, and a row with another key.
    """
    known = {column.name for column in table.columns}
    unknown = sorted(str(name) for name in frame.columns if name not in known)
    if unknown:
        raise _refused(table, f"there is no column {', '.join(unknown)}")
    values = tuple(_column(table, column, frame, key) for column in table.columns)
    return Rows(table.columns, values, len(frame))


def _column(table: Table, column: Column, frame: pd.DataFrame, key: Mapping[str, str]) -> list[object]:
    if column.name in frame.columns:
        values = _converted(table, column, frame[column.name])
        if column.name in key and any(value != key[column.name] for value in values):
            raise _refused(table, f"a row's {column.name} is not the one whose rows are being replaced")
        return values
    if column.name in key:
        return [key[column.name]] * len(frame)
    if column.required and len(frame):
        raise _refused(table, f"column {column.name} is missing")
    return [None] * len(frame)


def _converted(table: Table, column: Column, series: pd.Series[object]) -> list[object]:
    convert = _CONVERSIONS[column.kind]
    missing = series.isna()
    if column.required and missing.any():
        raise _refused(table, f"column {column.name} is empty in {int(missing.sum())} rows")
    cells = zip(series.tolist(), missing.tolist(), strict=True)
    try:
        return [None if empty else convert(value) for value, empty in cells]
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(table, f"column {column.name} takes {column.kind.name}, and a row has {error}") from None


def _refused(table: Table, what: str) -> WarehouseError:
    return WarehouseError(f"Rows for the table {table.name} cannot be written: {what}. Nothing was written.")


def _text(value: object) -> str:
    if isinstance(value, str):
        text = str.__str__(value)
    elif isinstance(value, (Integral, UUID)) and not isinstance(value, bool):
        text = str(value)
    else:
        raise TypeError(f"a {type(value).__name__}")
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    # A lone surrogate, which a JSON answer can hold, has no UTF-8 form: one such text must not stop all results.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _whole(bits: int) -> Callable[[object], int]:
    limit = 2 ** (bits - 1)

    def convert(value: object) -> int:
        # A column of integers with gaps is one of floats in pandas.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"a {type(value).__name__}")
        if not -limit <= value < limit:
            raise OverflowError(f"an integer of more than {bits} bits")
        return int(value)

    return convert


def _double(value: object) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"a {type(value).__name__}")
    return float(value)


def _timestamp(value: object) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        raise TypeError(f"a {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError("a time without a time zone")
    return value.astimezone(dt.UTC)


_CONVERSIONS: Mapping[Kind, Callable[[object], object]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _whole(32),
    Kind.BIGINT: _whole(64),
    Kind.DOUBLE: _double,
    Kind.TIMESTAMP: _timestamp,
}
