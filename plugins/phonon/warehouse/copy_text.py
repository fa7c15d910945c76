"""PostgreSQL's text format of COPY."""

from __future__ import annotations

import datetime as dt

from phonon.warehouse.rows import Rows

_NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_text(rows: Rows) -> str:
    """Rows as what COPY ... FROM STDIN reads: a line a row, tabs between its values."""
    columns = [[_cell(value) for value in values] for values in rows.values]
    return "".join("\t".join(cells) + "\n" for cells in zip(*columns, strict=True))


def _cell(value: object) -> str:
    if value is None:
        return _NULL
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return repr(value)
