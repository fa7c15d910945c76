"""A list of values as a subquery: one bound parameter, however long the list is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, Connection, Select, Text, bindparam, cast, func, select


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


def integers_named(dialect: str, name: str) -> Select[Any]:
    """The same for a statement that is kept: the list is the parameter ``name``, made by ``as_parameter``."""
    if dialect == "postgresql":
        return select(func.unnest(cast(bindparam(name), ARRAY(BigInteger()))))
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def as_parameter(connection: Connection, values: Sequence[int]) -> Any:
    """A list of integers as a parameter of ``integers_named``."""
    return list(values) if connection.dialect.name == "postgresql" else orjson.dumps(list(values)).decode()
