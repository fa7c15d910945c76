"""Rows as Arrow has them.

Its buffers are filled here, since each of pyarrow's own ways from Python's values imports pandas, if there is one.
"""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, cast

import pyarrow as pa

from phonon.grouped_rows import GroupedRows
from phonon.warehouse.tables import Column, Kind

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}
_TYPE_CODES = {pa.int32(): "i", pa.int64(): "q", pa.float64(): "d"}


def schema_of(columns: Iterable[Column]) -> Any:
    """The Arrow schema of a table's columns."""
    return pa.schema([(column.name, _TYPES[column.kind]) for column in columns])


def record_batch(schema: Any, rows: GroupedRows) -> Any:
    """Rows that were checked, as one record batch."""
    groups = array("i")
    for group, count in enumerate(rows.counts):
        groups += array("i", [group]) * count
    of_group = pa.Array.from_buffers(pa.int32(), len(groups), [None, pa.py_buffer(groups)])
    return pa.RecordBatch.from_arrays(
        [
            _array(field.type, rows.own[field.name])
            if field.name in rows.own
            else _array(field.type, rows.shared[field.name]).take(of_group)
            for field in schema
        ],
        schema=schema,
    )


def _array(its_type: Any, values: Sequence[Any]) -> Any:
    content = _texts(values) if its_type == pa.string() else [_numbers(its_type, values)]
    buffers = [_validity(values), *map(pa.py_buffer, content)]
    return pa.Array.from_buffers(its_type, len(values), buffers)


def _validity(values: Sequence[object]) -> Any:
    """A bit for each value, from the lowest: whether it is there. None if all are."""
    if None not in values:
        return None
    bits = "".join(["0" if value is None else "1" for value in reversed(values)])
    return pa.py_buffer(int(bits, 2).to_bytes((len(values) + 7) // 8, "little"))


def _texts(values: Sequence[str | None]) -> tuple[array[int], bytes]:
    """Where each text begins and the last one ends, and all texts."""
    texts: Sequence[str] = [text or "" for text in values] if None in values else cast("Sequence[str]", values)
    whole = "".join(texts)
    sizes = map(len, texts if whole.isascii() else [text.encode() for text in texts])
    return array("i", accumulate(sizes, initial=0)), whole.encode()


def _numbers(its_type: Any, values: Sequence[Any]) -> array[Any]:
    if its_type == _TYPES[Kind.TIMESTAMP]:
        since_epoch = {value: (value - _EPOCH) // _MICROSECOND for value in set(values) - {None}}
        return array("q", [since_epoch.get(value, 0) for value in values])
    return array(_TYPE_CODES[its_type], [value or 0 for value in values])
