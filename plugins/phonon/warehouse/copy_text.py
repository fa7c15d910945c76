"""PostgreSQL's text format of COPY."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any

from phonon.grouped_rows import GroupedRows

_NULL = r"\N"
_ESCAPED = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_text(rows: GroupedRows) -> str:
    """Rows as what COPY ... FROM STDIN reads: a line a row, tabs between its values, the shared ones first."""
    columns: list[Iterable[str]] = [_cells(values) for values in rows.own.values()]
    if rows.shared:
        alike = map("\t".join, zip(*[_cells(values) for values in rows.shared.values()], strict=True))
        columns.insert(0, chain.from_iterable(map(repeat, alike, rows.counts)))
    return "".join([line + "\n" for line in map("\t".join, zip(*columns, strict=True))])


def _cells(values: Sequence[Any]) -> Sequence[str]:
    # To look for what must be escaped in all texts at once is quicker than in each, and nearly none has it.
    if set(map(type, values)) == {str} and not _ESCAPED.search("".join(values)):
        return values
    # What a column says of many rows is written once.
    cells = {value: _cell(value) for value in set(values)}
    return [cells[value] for value in values]


def _cell(value: object) -> str:
    if value is None:
        return _NULL
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return repr(value)
