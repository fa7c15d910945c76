"""A column as the Python values it holds, grouped by their type, so that each type has one fast rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Objects: TypeAlias = npt.NDArray[np.object_]
Positions: TypeAlias = slice | npt.NDArray[np.intp]


def python_values(column: pd.Series) -> Objects:
    """The values of a column of any dtype as objects, nulls included, in order."""
    stored = getattr(column.dtype, "numpy_dtype", column.dtype)
    if isinstance(stored, np.dtype) and stored.kind == "f" and stored != np.float64:
        # As a Python float, a single-precision 0.1 would read 0.10000000149011612.
        return np.fromiter(column.to_numpy(dtype=stored, na_value=np.nan), dtype=object, count=len(column))
    return column.to_numpy(dtype=object)


def by_kind(values: Objects) -> Iterator[tuple[type, Positions]]:
    """Each exact type among the values, with the positions that hold it."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        yield kinds.pop(), slice(None)
        return
    # By identity, because some types (arrays, timestamps) have their own idea of being compared with an array.
    held = np.fromiter((id(type(value)) for value in values), dtype=np.uintp, count=len(values))
    for kind in kinds:
        yield kind, np.flatnonzero(held == id(kind))
