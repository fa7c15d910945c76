"""A list of values as a subquery: one bound parameter, however long the list is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, Connection, Select, Text, cast, func, select


def text_members(connection: Connection, values: Sequence[str]) -> Select[Any]:
    """A subquery for ``column.in_(...)`` with texts."""
    return _members(connection, values, Text())


def integer_members(connection: Connection, values: Sequence[int]) -> Select[Any]:
    """A subquery for ``column.in_(...)`` with 64-bit integers."""
    return _members(connection, values, BigInteger())


def _members(connection: Connection, values: Sequence[str] | Sequence[int], kind: Text | BigInteger) -> Select[Any]:
    if connection.dialect.name == "postgresql":
        return select(func.unnest(cast(list(values), ARRAY(kind))))
    return select(func.json_each(orjson.dumps(list(values)).decode()).table_valued("value").c.value)
