"""PostgreSQL's text format of COPY."""

from __future__ import annotations

import datetime as dt
import re

from phonon.warehouse.rows import Rows

_NULL = r"\N"
_ESCAPED = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_text(rows: Rows) -> str:
    """Rows as what COPY ... FROM STDIN reads: a line a row, tabs between its values."""
    columns = [_cells(values) for values in rows.values]
    return "".join("\t".join(cells) + "\n" for cells in zip(*columns, strict=True))


def _cells(values: list[object]) -> list[str]:
    # Most columns say the same of many rows, with the very same object.
    known = {id(value): value for value in values}
    cells = {key: _cell(value) for key, value in known.items()}
    return [cells[id(value)] for value in values]


def _cell(value: object) -> str:
    if value is None:
        return _NULL
    if isinstance(value, str):
        # Looking for what must be escaped is quicker than translating, and nearly no text has it.
        return value.translate(_ESCAPES) if _ESCAPED.search(value) else value
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return repr(value)
