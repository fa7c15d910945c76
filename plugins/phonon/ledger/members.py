"""A list of values in a statement: as a subquery of one bound parameter, however long it is, or written out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)


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


def texts_named(dialect: str, name: str) -> Select[Any]:
    """``text_members`` for a statement that is kept; the parameter ``name`` is the list, ``as_parameter``."""
    return _named(dialect, name, Text())


def integers_named(dialect: str, name: str) -> Select[Any]:
    """``integer_members`` for a statement that is kept; the parameter ``name`` is the list, ``as_parameter``."""
    return _named(dialect, name, BigInteger())


def _named(dialect: str, name: str, kind: Text | BigInteger) -> Select[Any]:
    if dialect == "postgresql":
        return select(func.unnest(cast(cast(bindparam(name), Text()), ARRAY(kind))))
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def as_parameter(connection: Connection, values: Sequence[str] | Sequence[int]) -> Any:
    """A list of values as a parameter of ``texts_named`` or ``integers_named``."""
    if connection.dialect.name == "postgresql":
        return _array_literal(values)
    return orjson.dumps(list(values)).decode()


def _array_literal(values: Sequence[str] | Sequence[int]) -> str:
    """An array as PostgreSQL writes it, which the driver takes several times as long to make."""
    texts = list(map(str, values))
    together = "".join(texts)
    if '"' in together or "\\" in together:
        texts = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return '{"' + '","'.join(texts) + '"}' if texts else "{}"


def written_out(constants: Iterable[str]) -> list[ColumnElement[str]]:
    """For ``column.in_(...)`` with a few words of our own, in a statement that is kept.

    As parameters, of which there could be any number, they would be put into the statement at each execution.
    """
    return [literal_column(f"'{constant}'", Text()) for constant in constants]
