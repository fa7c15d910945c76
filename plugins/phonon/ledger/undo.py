"""Undoing a plan whose query failed: what it claimed and nobody has taken is as if it had never been planned.

A batch stays, without its calls, as one that was split does: SQLite would give the id of a deleted row to the next
batch, and a sender that had read the old one would take the new one for it and send the old calls.
"""

from __future__ import annotations

import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from phonon.api.request import freeze_objects, thaw
from phonon.api.verdict import Past
from phonon.ledger.claims import Plan, lock_campaign
from phonon.ledger.members import integer_members, text_members
from phonon.ledger.outbox import Child, add_child, read_batch
from phonon.ledger.schema import approvals, batches, calls, intervals, number_uses, plans, rejects
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import BEHIND_THE_QUERY

_BATCHES_AT_ONCE = 10
_REJECTS_AT_ONCE = 5_000
_REASON = "taken back: the query of its contacts failed"


@dataclass
class UndoLog:
    """What a plan has changed so far: eight bytes a batch, and a few for each contact that was planned before."""

    plan: Plan
    rows_read: int = 0
    batch_ids: array[int] = field(default_factory=lambda: array("q"))
    _seen: list[bytes] = field(default_factory=list)

    def note_seen(self, earlier: Mapping[str, int]) -> None:
        """Note contacts that an earlier plan has claimed, each with the newest plan that had seen it before."""
        by_plan: dict[int, list[str]] = defaultdict(list)
        for contact_id, plan_id in earlier.items():
            by_plan[plan_id].append(contact_id)
        if by_plan:
            self._seen.append(zlib.compress(orjson.dumps(list(by_plan.items()))))

    def seen(self) -> Iterator[list[tuple[int, list[str]]]]:
        """The same, each time's as contacts by plan."""
        return (orjson.loads(zlib.decompress(each)) for each in self._seen)


@dataclass(frozen=True)
class Undone:
    """Calls of the plan that were taken back, and those that stay since a sender had taken them."""

    taken_back: int = 0
    kept: int = 0


def undo(ledger: Ledger, log: UndoLog) -> Undone:
    """Take back what a plan has claimed, in transactions of a few batches each.

    What was in the ledger before stays as it was, and so does what a sender has taken meanwhile, what a report of
    Phonon's has, and whom another run's query has returned since.
    """
    done = Undone()
    batch_ids: Sequence[int] = log.batch_ids
    while batch_ids:
        for first in range(0, len(batch_ids), _BATCHES_AT_ONCE):
            part = _undo_batches(ledger, log.plan, batch_ids[first : first + _BATCHES_AT_ONCE])
            done = Undone(done.taken_back + part.taken_back, done.kept + part.kept)
        with ledger.transaction(read_only=True) as connection:
            # Before it was looked at here, a sender may have split a batch that was not sent.
            batch_ids = _children(connection, log.plan, batch_ids)
    for by_plan in log.seen():
        with ledger.transaction() as connection:
            lock_campaign(connection, log.plan.campaign)
            _unsee(connection, log.plan, by_plan)
    for first in range(0, log.rows_read, _REJECTS_AT_ONCE):
        with ledger.transaction() as connection:
            upto = first + _REJECTS_AT_ONCE
            connection.execute(_FORGET_REJECTS, {"plan": log.plan.id, "first": first, "upto": upto})
    with ledger.transaction() as connection:
        _keep_withdrawn(connection, log.plan)
        _keep_approval(connection, log.plan)
    return done


def _undo_batches(ledger: Ledger, plan: Plan, batch_ids: Sequence[int]) -> Undone:
    taken_back = kept = 0
    with ledger.transaction() as connection:
        # Another plan that has found a contact claimed must have noted so before the claim is looked at.
        lock_campaign(connection, plan.campaign)
        now = ledger.now(connection)
        for batch_id in batch_ids:
            # The row is locked, or on SQLite the ledger: who has read it finds its fence raised afterwards.
            row = connection.execute(_NEVER_TAKEN, {"batch": batch_id}).one_or_none()
            known = {"batch": batch_id, "plan": plan.id}
            if row is None:
                kept += connection.execute(_COUNT, known).scalar_one()
                continue
            mine = {each.client_identifier: each.contact_id for each in connection.execute(_MINE, known)}
            if mine:
                _undo_batch(connection, ledger, plan, row, mine, now)
                taken_back += len(mine)
        connection.execute(_PLANNED_FEWER, {"plan": plan.id, "fewer": taken_back})
    return Undone(taken_back, kept)


def _undo_batch(
    connection: Connection, ledger: Ledger, plan: Plan, row: Row[Any], mine: Mapping[str, str], now: float
) -> None:
    """Take back the calls of these contacts, by client-identifier; the batch's others move to a new one."""
    objects = thaw(read_batch(row).frozen)
    others = [call for call in objects if call["client-identifier"] not in mine]
    if others:
        names = [call["client-identifier"] for call in others]
        child = Child(freeze_objects(others), names, BatchState.PENDING, Past.FIRST, row.reason)
        add_child(connection, row.id, child, run_id=row.run_id, now=now)
    common = {"use_scope": plan.scope, "use_interval": plan.interval_id}
    uses = [
        {**common, "use_hash": ledger.number_hash(number), "use_contact": mine[call["client-identifier"]]}
        for call in objects
        if call["client-identifier"] in mine
        for number in call["contact-numbers"]
    ]
    connection.execute(_FORGET_USE, uses)
    connection.execute(_FORGET_CALLS, {"batch": row.id})
    connection.execute(_EMPTY, {"batch": row.id, "changed_at": now})


def _children(connection: Connection, plan: Plan, batch_ids: Sequence[int]) -> Sequence[int]:
    query = (
        select(batches.c.id)
        .where(
            batches.c.interval_id == plan.interval_id,
            batches.c.parent_id.in_(integer_members(connection, batch_ids)),
        )
        .order_by(batches.c.id)
    )
    return connection.execute(query).scalars().all()


def _unsee(connection: Connection, plan: Plan, by_plan: Sequence[tuple[int, list[str]]]) -> None:
    for plan_id, contact_ids in by_plan:
        connection.execute(
            update(calls)
            .where(
                calls.c.interval_id == plan.interval_id,
                calls.c.plan_id == plan.id,
                calls.c.contact_id.in_(text_members(connection, contact_ids)),
            )
            .values(plan_id=plan_id)
        )


def _keep_withdrawn(connection: Connection, plan: Plan) -> None:
    """Show what was withdrawn while the plan was being made with the interval's newest plan that was completed."""
    completed = connection.execute(select(intervals.c.plan_id).where(intervals.c.id == plan.interval_id)).scalar()
    if completed is not None:
        connection.execute(
            update(rejects)
            .where(rejects.c.plan_id == plan.id, rejects.c.row_number >= BEHIND_THE_QUERY)
            .values(plan_id=completed)
        )


def _keep_approval(connection: Connection, plan: Plan) -> None:
    """What a person approved meanwhile were these calls, and not others that may be planned in their place."""
    claimed = select(func.count()).select_from(calls).where(calls.c.interval_id == plan.interval_id)
    connection.execute(
        update(approvals)
        .where(approvals.c.interval_id == plan.interval_id, approvals.c.calls > claimed.scalar_subquery())
        .values(calls=claimed.scalar_subquery())
    )


# Statements made once: to build one takes the ledger longer than to carry it out.
_NEVER_TAKEN = (
    select(batches)
    .where(
        batches.c.id == bindparam("batch"),
        batches.c.state == BatchState.PENDING,
        batches.c.past == Past.FIRST,
        batches.c.attempts == 0,
        batches.c.sent_at.is_(None),
    )
    .with_for_update()
)
_OF_BATCH = (calls.c.batch_id == bindparam("batch"), calls.c.plan_id == bindparam("plan"))
_MINE = select(calls.c.client_identifier, calls.c.contact_id).where(*_OF_BATCH)
_COUNT = select(func.count()).select_from(calls).where(*_OF_BATCH)
# One by one, by the index: PostgreSQL reads the whole table for a list until it has statistics of it.
_FORGET_USE = delete(number_uses).where(
    number_uses.c.scope == bindparam("use_scope"),
    number_uses.c.number_hash == bindparam("use_hash"),
    number_uses.c.interval_id == bindparam("use_interval"),
    number_uses.c.contact_id == bindparam("use_contact"),
)
_FORGET_CALLS = delete(calls).where(calls.c.batch_id == bindparam("batch"))
_EMPTY = (
    update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(state=BatchState.SPLIT, calls=0, frozen=None, fence=batches.c.fence + 1, reason=_REASON)
)
_PLANNED_FEWER = (
    update(plans).where(plans.c.id == bindparam("plan")).values(planned=plans.c.planned - bindparam("fewer"))
)
_FORGET_REJECTS = delete(rejects).where(
    rejects.c.plan_id == bindparam("plan"),
    rejects.c.row_number >= bindparam("first"),
    rejects.c.row_number < bindparam("upto"),
)
