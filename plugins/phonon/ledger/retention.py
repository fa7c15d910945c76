"""What the ledger forgets, so that it does not grow for ever. Claims and the states of batches stay.

Each step takes short transactions, so that on SQLite senders get their turn in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, case, column, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from phonon.ledger.members import integer_members
from phonon.ledger.outbox import erase_settled
from phonon.ledger.schema import batches, intervals, meta, number_uses, plans, rejects, run_starts, sends
from phonon.ledger.states import SETTLED
from phonon.ledger.store import Ledger

KEEP_NUMBERS_DAYS = 7
"""How long the phone numbers of settled batches stay, for questions about what was sent."""

_DAY = 24 * 3600.0
_LOOK_BACK = "look_back_days"
_SLICE = 50_000
_ROW_ID = column("rowid", Integer)  # SQLite's own


@dataclass(frozen=True)
class Retention:
    """Days for which the ledger keeps what it does not need for a promise.

    ``hashes``: of numbers that were called; they are kept longer where a frequency limit looks back further.
    ``sends``: when a request went and what came of it.
    """

    numbers: int = KEEP_NUMBERS_DAYS
    hashes: int = 400
    sends: int = 400


@dataclass(frozen=True)
class Forgotten:
    """Rows that were forgotten; for ``numbers`` the batches whose frozen calls were erased."""

    numbers: int
    hashes: int
    sends: int
    rejects: int


def note_look_back(connection: Connection, days: int) -> None:
    """Note that a frequency limit looks back so many days: hashes stay at least as long."""
    if days > _look_back(connection):
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(meta).values(name=_LOOK_BACK, value=str(days))
        connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": str(days)}))


def forget(ledger: Ledger, retention: Retention) -> Forgotten:
    """Forget what is older than it has to be kept, and what newer plans have replaced."""
    with ledger.transaction() as connection:
        now = ledger.now(connection)
        erased = erase_settled(connection, before=now - retention.numbers * _DAY)
        replaced = connection.execute(_REPLACED, {"started_before": now - 7 * _DAY}).rowcount
        connection.execute(delete(run_starts).where(run_starts.c.began_at < now - retention.sends * _DAY))
        # A day more: the days of a limit are those of a calendar, in any time zone.
        days = max(retention.hashes, _look_back(connection) + 2)
        old = list(connection.execute(_over(now - days * _DAY)).scalars())
    return Forgotten(
        erased, _forget_hashes(ledger, old), _forget_sends(ledger, now - retention.sends * _DAY), replaced
    )


def _look_back(connection: Connection) -> int:
    noted = connection.execute(select(meta.c.value).where(meta.c.name == _LOOK_BACK)).scalar()
    return int(noted or 0)


def _over(before: float) -> Select[Any]:
    """Intervals whose last call started earlier than that, and in which nothing can happen any more."""
    is_open = case((batches.c.state.in_(sorted(SETTLED)), 0), else_=1)
    return (
        select(batches.c.interval_id)
        .group_by(batches.c.interval_id)
        .having(func.max(batches.c.not_after) < before, func.max(is_open) == 0)
    )


def _forget_hashes(ledger: Ledger, of_intervals: list[int]) -> int:
    with ledger.transaction(read_only=True) as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        last = connection.execute(select(func.max(_ROW_ID)).select_from(number_uses)).scalar() if is_sqlite else 1
    forgotten = 0
    # There is no index by interval, which would cost more than it saves; PostgreSQL locks nobody out meanwhile.
    for first in range(0, (last or 0) if of_intervals else 0, _SLICE):
        with ledger.transaction() as connection:
            query = delete(number_uses).where(
                number_uses.c.interval_id.in_(integer_members(connection, of_intervals))
            )
            if is_sqlite:
                query = query.where(_ROW_ID.between(first + 1, first + _SLICE))
            forgotten += connection.execute(query).rowcount
    return forgotten


def _forget_sends(ledger: Ledger, before: float) -> int:
    """Forget sends of settled batches; those of others are evidence of what may have been called."""
    with ledger.transaction(read_only=True) as connection:
        last = connection.execute(select(func.max(sends.c.batch_id))).scalar() or 0
    forgotten = 0
    for first in range(0, last, _SLICE):
        in_slice = (batches.c.id > first, batches.c.id <= first + _SLICE)
        settled = select(batches.c.id).where(*in_slice, batches.c.state.in_(sorted(SETTLED)))
        query = delete(sends).where(
            sends.c.batch_id > first,
            sends.c.batch_id <= first + _SLICE,
            sends.c.batch_id.in_(settled),
            sends.c.started_at < before,
            sends.c.counts_until < before,
        )
        with ledger.transaction() as connection:
            forgotten += connection.execute(query).rowcount
    return forgotten


# Not of a plan that may still be going on: it tells by them what comes a second time in its query.
_REPLACED = delete(rejects).where(
    rejects.c.plan_id.in_(
        select(plans.c.id)
        .join(intervals, intervals.c.id == plans.c.interval_id)
        .where(
            plans.c.id < intervals.c.plan_id,
            or_(plans.c.completed_at.is_not(None), plans.c.started_at < bindparam("started_before")),
        )
    )
)
