"""A list of values as a subquery: one bound parameter, however long the list is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, Connection, Select, Text, cast, func, select


def members(connection: Connection, values: Sequence[str] | Sequence[int]) -> Select[Any]:
    """A subquery for ``column.in_(...)`` with the values, which are all text or all 64-bit integers."""
    if connection.dialect.name == "postgresql":
        kind = BigInteger() if values and isinstance(values[0], int) else Text()
        return select(func.unnest(cast(list(values), ARRAY(kind))))
    return select(func.json_each(orjson.dumps(list(values)).decode()).table_valued("value").c.value)
