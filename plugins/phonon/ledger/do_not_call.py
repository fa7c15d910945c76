"""The do-not-call list: numbers that no campaign of the ledger calls, each as its keyed hash and nothing else.

All functions work inside a transaction of the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Double, Select, Text, delete, exists, func, insert, literal, select, text, true
from sqlalchemy.dialects import postgresql, sqlite

from phonon.ledger.members import as_parameter, integer_members, integers_named
from phonon.ledger.pauses import EVERYTHING
from phonon.ledger.schema import decisions, do_not_call

_AT_ONCE = 10_000
_LOCK = int.from_bytes(hashlib.blake2b(b"phonon do not call", digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True)
class Entry:
    """Since when a number is on the list, by whom and why."""

    at: datetime
    by: str
    note: str


def hold_list(connection: Connection) -> None:
    """Keep the list as it is until the transaction ends. Whoever plans calls holds it, several may at once.

    On SQLite every writing transaction excludes the others already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _LOCK})


def keep_planners_out(connection: Connection) -> None:
    """Wait for those who hold the list, and keep others from it until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def add(connection: Connection, number_hashes: Sequence[int], *, by: str, note: str, now: float) -> int:
    """Put numbers on the list; gives how many are new. Those that are on it already stay as they were entered."""
    keep_planners_out(connection)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    columns = ("number_hash", "added_at", "added_by", "note")
    entered = (literal(now, Double), literal(by, Text), literal(note, Text))
    new = 0
    for part in _parts(number_hashes):
        members = integer_members(connection, part).subquery()
        # SQLite takes ON CONFLICT for a join's ON unless a WHERE stands between.
        rows = select(members.c[0], *entered).where(true())
        statement = dialect.insert(do_not_call).from_select(columns, rows).on_conflict_do_nothing()
        new += len(connection.execute(statement.returning(do_not_call.c.number_hash)).all())
    _note(connection, "do-not-call add", new, by=by, note=note, now=now)
    return new


def remove(connection: Connection, number_hashes: Sequence[int], *, by: str, note: str, now: float) -> int:
    """Take numbers off the list; gives how many were on it."""
    gone = 0
    for part in _parts(number_hashes):
        members = integer_members(connection, part)
        gone += connection.execute(delete(do_not_call).where(do_not_call.c.number_hash.in_(members))).rowcount
    _note(connection, "do-not-call remove", gone, by=by, note=note, now=now)
    return gone


def listed(connection: Connection, number_hashes: Sequence[int]) -> set[int]:
    """Those of the numbers that are on the list."""
    asked = {"numbers": as_parameter(connection, number_hashes)}
    return set(connection.execute(_listed(connection.dialect.name), asked).scalars())


def entries(connection: Connection, number_hashes: Sequence[int]) -> dict[int, Entry]:
    """The same, each with its entry."""
    members = integer_members(connection, number_hashes)
    rows = connection.execute(select(do_not_call).where(do_not_call.c.number_hash.in_(members)))
    return {
        row.number_hash: Entry(datetime.fromtimestamp(row.added_at, UTC), row.added_by, row.note) for row in rows
    }


def count(connection: Connection) -> int:
    """How many numbers are on the list."""
    found: int = connection.execute(select(func.count()).select_from(do_not_call)).scalar_one()
    return found


def is_empty(connection: Connection) -> bool:
    """Whether no number is on the list."""
    return not connection.execute(_ANY).scalar_one()


def _parts(number_hashes: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(number_hashes), _AT_ONCE):
        yield number_hashes[start : start + _AT_ONCE]


def _note(connection: Connection, action: str, numbers: int, *, by: str, note: str, now: float) -> None:
    if numbers:
        values = {"decided_at": now, "decided_by": by, "action": action, "scope": EVERYTHING, "note": note}
        connection.execute(insert(decisions).values(values | {"calls": numbers}))


# Made once: to build a statement takes the ledger longer than to carry it out.
_ANY = select(exists(select(do_not_call.c.number_hash)))


@cache
def _listed(dialect: str) -> Select[Any]:
    return select(do_not_call.c.number_hash).where(
        do_not_call.c.number_hash.in_(integers_named(dialect, "numbers"))
    )
