"""The values of a table's columns, checked before a database sees them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType
from uuid import UUID

from phonon.errors import WarehouseError
from phonon.grouped_rows import GroupedRows
from phonon.warehouse.tables import Column, Kind, Table


def checked(table: Table, rows: GroupedRows, *, key: Mapping[str, str]) -> GroupedRows:
    """Rows with every column of a table, in values its databases take; a column that is left out is null.

    Text is str that UTF-8 can carry, timestamps are aware and in UTC, what is missing is None.

    :param key: values of the table's key, the same in each row; the rows may leave these columns out.

    Raises WarehouseError, naming the column and never a value, for an unknown column, a null where there must
    be none, a value of another type, and a row with another key.
    """
    _check_known(table, [*rows.shared, *rows.own])
    groups = len(rows.counts)
    shared: dict[str, Sequence[object]] = {}
    own: dict[str, Sequence[object]] = {}
    for column in table.columns:
        name = column.name
        place, values = (own, rows.own[name]) if name in rows.own else (shared, rows.shared.get(name))
        place[name] = _converted(table, column, [key.get(name)] * groups if values is None else values)
        if name in key and any(value != key[name] for value in place[name]):
            raise _refused(table, f"a row's {name} is not the one whose rows are being replaced")
    return GroupedRows(rows.counts, shared, own)


def _check_known(table: Table, names: Iterable[str]) -> None:
    known = {column.name for column in table.columns}
    unknown = sorted(name for name in names if name not in known)
    if unknown:
        raise _refused(table, f"there is no column {', '.join(unknown)}")


def _converted(table: Table, column: Column, values: Sequence[object]) -> Sequence[object]:
    convert = _CONVERSIONS[column.kind]
    if column.required and None in values:
        raise _refused(table, f"column {column.name} is empty")
    if column.kind is Kind.TEXT and _are_plain_texts(values):
        return values
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
