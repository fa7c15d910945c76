"""From a frame to the values of a table's columns, checked before a database sees them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType
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


def row_of(table: Table, record: Mapping[str, object]) -> Rows:
    """One row, from its values by column. Raises WarehouseError as rows_of does."""
    _check_known(table, record)
    values = tuple(_converted(table, column, [record.get(column.name)]) for column in table.columns)
    return Rows(table.columns, values, count=1)


def rows_of(table: Table, frame: pd.DataFrame, *, key: Mapping[str, str]) -> Rows:
    """Take a frame's columns, in the table's order; one that the frame lacks is null throughout.

    :param key: values of the table's key, the same in each row; the frame may leave these columns out.

    Raises WarehouseError, naming the column and never a value, for an unknown column, a null where there must
    be none, a value of another type, and a row with another key.
    """
    _check_known(table, frame.columns)
    values = tuple(_column(table, column, frame, key) for column in table.columns)
    return Rows(table.columns, values, len(frame))


def _check_known(table: Table, names: Iterable[object]) -> None:
    known = {column.name for column in table.columns}
    unknown = sorted(str(name) for name in names if name not in known)
    if unknown:
        raise _refused(table, f"there is no column {', '.join(unknown)}")


def _column(table: Table, column: Column, frame: pd.DataFrame, key: Mapping[str, str]) -> list[object]:
    if column.name in frame.columns:
        series = frame[column.name]
        # Each of pandas' ways to say missing (NaN, NaT, NA) becomes None.
        values = _converted(table, column, series.astype(object).where(series.notna(), None).tolist())
        if column.name in key and any(value != key[column.name] for value in values):
            raise _refused(table, f"a row's {column.name} is not the one whose rows are being replaced")
        return values
    if column.name in key:
        return [key[column.name]] * len(frame)
    if column.required and len(frame):
        raise _refused(table, f"column {column.name} is missing")
    return [None] * len(frame)


def _converted(table: Table, column: Column, values: Sequence[object]) -> list[object]:
    convert = _CONVERSIONS[column.kind]
    if column.required and None in values:
        raise _refused(table, f"column {column.name} is empty in {values.count(None)} rows")
    if column.kind is Kind.TEXT and _are_plain_texts(values):
        return list(values)
    try:
        # Most columns say the same of many rows, with the very same object.
        known = {id(value): None if value is None else convert(value) for value in _distinct(values)}
        return [known[id(value)] for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(table, f"column {column.name} takes {column.kind.name}, and a row has {error}") from None


def _are_plain_texts(values: Sequence[object]) -> bool:
    """Whether all are texts, or missing, that _text would leave as they are."""
    if not {str, NoneType}.issuperset(map(type, values)):
        return False
    whole = "".join(filter(None, values))  # type: ignore[arg-type] # nothing but texts is left
    return whole.isascii() and "\x00" not in whole


def _distinct(values: Sequence[object]) -> Iterable[object]:
    """Each object among the values once; not each value, since 1, 1.0 and True are equal."""
    return {id(value): value for value in values}.values()


def _refused(table: Table, what: str) -> WarehouseError:
    return WarehouseError(f"Rows for the table {table.name} cannot be written: {what}. Nothing was written.")


def _text(value: object) -> str:
    if isinstance(value, str):
        text = str.__str__(value)
    elif isinstance(value, bool) or not isinstance(value, (Integral, UUID)):
        raise TypeError(f"a {type(value).__name__}")
    else:
        text = str(value)
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
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"a {type(value).__name__}")
        if not -limit <= value < limit:
            raise OverflowError(f"an integer of more than {bits} bits")
        return int(value)

    return convert


def _double(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"a {type(value).__name__}")
    return float(value)


def _timestamp(value: object) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        raise TypeError(f"a {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError("a time without a time zone")
    moment = value.astimezone(dt.UTC)
    # A pandas Timestamp is a datetime, but not to every driver.
    return dt.datetime.combine(moment.date(), moment.time(), tzinfo=dt.UTC)


_CONVERSIONS: Mapping[Kind, Callable[[object], object]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _whole(32),
    Kind.BIGINT: _whole(64),
    Kind.DOUBLE: _double,
    Kind.TIMESTAMP: _timestamp,
}
