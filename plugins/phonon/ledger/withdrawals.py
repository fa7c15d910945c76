"""Taking back planned calls: to numbers that are forbidden since, or because a person rejects.

Only what Phonon certainly has not accepted can be taken back: a batch that waits to be sent, and of which no
send, if there was one, can have been accepted. A call that is taken back is not claimed any more: its contact is
suppressed as if that had been known when the contact was planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, delete, func, insert, select, update

from phonon.api.request import freeze_objects, thaw
from phonon.api.verdict import Past
from phonon.ledger.do_not_call import is_empty, keep_planners_out, listed
from phonon.ledger.members import integer_members, text_members
from phonon.ledger.outbox import Batch, Child, add_child, read_batch
from phonon.ledger.schema import approvals, batches, calls, decisions, intervals, number_uses, rejects
from phonon.ledger.settlements import Decision
from phonon.ledger.states import BatchState, CallStatus
from phonon.ledger.store import Ledger
from phonon.wording import counted

DO_NOT_CALL = "do not call"
"""The ``reason`` of the results table."""

Forbidden = Callable[[Connection, Sequence[str]], set[str]]
"""Gives those of some phone numbers that must not be called."""

_OPEN = (BatchState.PENDING, BatchState.SENDING, BatchState.UNKNOWN)
BEHIND_THE_QUERY = 1 << 40
"""Row numbers of the calls that were taken back: no query has so many rows."""
_MOST_CALLS = 1_000


@dataclass(frozen=True)
class Withdrawal:
    """What was taken back, in calls."""

    withdrawn: int = 0
    shortened: int = 0
    """Calls that keep another number."""
    out_of_reach: int = 0
    """Calls to such a number that are being sent, or of which nobody knows whether Phonon accepted them."""

    def __add__(self, other: Withdrawal) -> Withdrawal:
        return Withdrawal(
            self.withdrawn + other.withdrawn,
            self.shortened + other.shortened,
            self.out_of_reach + other.out_of_reach,
        )

    def __str__(self) -> str:
        return (
            f"{counted(self.withdrawn, 'planned call')} taken back, {self.shortened} have other numbers left, and "
            f"{self.out_of_reach} are beyond reach, since they may have been accepted"
        )


@dataclass(frozen=True)
class _Findings:
    """The calls of a batch that have forbidden numbers, those numbers' hashes, and what is left to be sent."""

    batch: Batch
    hashes: Sequence[int]
    affected: Sequence[str]
    rest: Sequence[dict[str, Any]]

    @property
    def within_reach(self) -> bool:
        return self.batch.state is BatchState.PENDING and not self.batch.past.may_be_accepted

    @property
    def withdrawn(self) -> int:
        return self.batch.calls - len(self.rest)


def withdraw_listed(ledger: Ledger, decision: Decision, interval_id: int | None = None) -> Withdrawal:
    """Take back all planned calls to numbers of the list, in one interval or in all, as ``withdraw_forbidden``."""
    with ledger.transaction(read_only=True) as connection:
        if is_empty(connection):
            return Withdrawal()

    def on_list(connection: Connection, numbers: Sequence[str]) -> set[str]:
        by_hash = {ledger.number_hash(number): number for number in numbers}
        return {by_hash[each] for each in listed(connection, sorted(by_hash))}

    return withdraw_forbidden(ledger, decision, interval_id, on_list)


def withdraw_forbidden(
    ledger: Ledger, decision: Decision, interval_id: int | None, forbidden: Forbidden
) -> Withdrawal:
    """Take back all planned calls to forbidden numbers, in one interval or in all (None).

    Each batch is changed in a transaction of its own. When this ends in the middle, the next time does the rest.
    """
    done = Withdrawal()
    seen: set[int] = set()
    while True:
        with ledger.transaction(read_only=True) as connection:
            # Again, until there is no new one: meanwhile a sender may split a batch that was not looked at yet.
            new = [batch_id for batch_id in _open_batches(connection, interval_id) if batch_id not in seen]
        if not new:
            return done
        for batch_id in new:
            done += _withdraw_from(ledger, decision, batch_id, forbidden)
        seen.update(new)


def withdraw_unsent(ledger: Ledger, decision: Decision, interval_id: int, *, reason: str) -> int:
    """Take back every call of an interval that Phonon certainly has not accepted; gives how many.

    :param reason: for the results table. Batches are changed one by one, as by ``withdraw_listed``.
    """
    withdrawn = 0
    with ledger.transaction(read_only=True) as connection:
        waiting = _open_batches(connection, interval_id)
    for batch_id in waiting:
        with ledger.transaction() as connection:
            keep_planners_out(connection)
            row = connection.execute(select(batches).where(batches.c.id == batch_id)).one()
            if row.state not in _OPEN:
                continue
            found = _everything(ledger, read_batch(row))
            if found.within_reach and _withdraw(connection, row, found, decision, reason):
                withdrawn += found.withdrawn
    return withdrawn


def _open_batches(connection: Connection, interval_id: int | None) -> list[int]:
    query = select(batches.c.id).where(batches.c.state.in_(_OPEN)).order_by(batches.c.id)
    if interval_id is not None:
        query = query.where(batches.c.interval_id == interval_id)
    return list(connection.execute(query).scalars())


def _withdraw_from(ledger: Ledger, decision: Decision, batch_id: int, forbidden: Forbidden) -> Withdrawal:
    while True:
        with ledger.transaction(read_only=True) as connection:
            row = connection.execute(select(batches).where(batches.c.id == batch_id)).one()
            found = _findings(connection, ledger, read_batch(row), forbidden) if row.state in _OPEN else None
        if found is None:
            return Withdrawal()
        if not found.within_reach:
            return Withdrawal(out_of_reach=len(found.affected))
        with ledger.transaction() as connection:
            keep_planners_out(connection)
            if _withdraw(connection, row, found, decision):
                return Withdrawal(found.withdrawn, len(found.affected) - found.withdrawn)


def _findings(connection: Connection, ledger: Ledger, batch: Batch, forbidden: Forbidden) -> _Findings | None:
    objects = thaw(batch.frozen)
    found = forbidden(connection, sorted({number for call in objects for number in _numbers(call)}))
    if not found:
        return None
    affected, rest = [], []
    for call in objects:
        left = [number for number in _numbers(call) if number not in found]
        if len(left) < len(_numbers(call)):
            affected.append(call["client-identifier"])
        if left:
            rest.append({**call, "contact-numbers": left})
    return _Findings(batch, sorted(map(ledger.number_hash, found)), affected, rest)


def _everything(ledger: Ledger, batch: Batch) -> _Findings:
    objects = thaw(batch.frozen)
    hashes = {ledger.number_hash(number) for call in objects for number in _numbers(call)}
    return _Findings(batch, sorted(hashes), [call["client-identifier"] for call in objects], [])


def _withdraw(
    connection: Connection, row: Row[Any], found: _Findings, decision: Decision, reason: str = DO_NOT_CALL
) -> bool:
    """Replace a batch by one without the forbidden numbers; False when somebody has changed it meanwhile."""
    batch = found.batch
    changed = connection.execute(
        update(batches)
        .where(batches.c.id == batch.id, batches.c.fence == batch.fence, batches.c.state == BatchState.PENDING)
        .values(
            state=BatchState.SPLIT,
            reason=decision.told("withdrawn"),
            fence=batch.fence + 1,
            run_id=decision.run_id,
            changed_at=decision.at,
        )
    )
    if changed.rowcount != 1:
        return False
    _forget_uses(connection, row.interval_id, batch.id, found)
    if found.rest:
        _keep_rest(connection, row, found, decision)
    _suppress_what_is_left(connection, row.interval_id, batch.id, reason)
    connection.execute(
        insert(decisions).values(
            decided_at=decision.at,
            decided_by=decision.by,
            action="withdraw",
            scope=select(intervals.c.campaign).where(intervals.c.id == row.interval_id).scalar_subquery(),
            batch_id=batch.id,
            calls=len(found.affected),
            note=decision.note,
        )
    )
    return True


def _keep_rest(connection: Connection, row: Row[Any], found: _Findings, decision: Decision) -> None:
    """Move the calls that may be made to a new batch, with the numbers that may be called."""
    names = [call["client-identifier"] for call in found.rest]
    child = Child(freeze_objects(list(found.rest)), names, BatchState.PENDING, Past.FIRST, row.reason)
    child_id = add_child(connection, row.id, child, run_id=row.run_id, now=decision.at)
    affected = set(found.affected)
    shorter = [call for call in found.rest if call["client-identifier"] in affected]
    if shorter:
        connection.execute(
            _NEW_LAST4.where(calls.c.batch_id == child_id),
            [{"name": call["client-identifier"], "last4": _numbers(call)[0][-4:]} for call in shorter],
        )


def _suppress_what_is_left(connection: Connection, interval_id: int, batch_id: int, reason: str) -> None:
    """Turn the calls that a batch still holds into suppressed rows of the interval."""
    plan = select(intervals.c.plan_id).where(intervals.c.id == interval_id)
    completed = connection.execute(plan).scalar() or 0
    rows = connection.execute(select(calls).where(calls.c.batch_id == batch_id).order_by(calls.c.contact_id)).all()
    if not rows:
        return
    connection.execute(
        insert(rejects),
        [
            {
                # The interval shows what its newest plan has rejected, be it completed or still reading.
                "plan_id": max(row.plan_id, completed),
                "row_number": BEHIND_THE_QUERY + batch_id * _MOST_CALLS + index,
                "contact_id": row.contact_id,
                "status": CallStatus.SUPPRESSED,
                "reason": reason,
                "number_last4": row.number_last4,
            }
            for index, row in enumerate(rows)
        ],
    )
    connection.execute(delete(calls).where(calls.c.batch_id == batch_id))
    connection.execute(update(batches).where(batches.c.id == batch_id).values(calls=0))
    # What was approved were these calls, and not others that may be planned in their place.
    fewer = case((approvals.c.calls > len(rows), approvals.c.calls - len(rows)), else_=0)
    connection.execute(update(approvals).where(approvals.c.interval_id == interval_id).values(calls=fewer))


def _forget_uses(connection: Connection, interval_id: int, batch_id: int, found: _Findings) -> None:
    """A number that is not called any more does not count against a frequency limit."""
    contacts = select(calls.c.contact_id).where(
        calls.c.batch_id == batch_id,
        calls.c.client_identifier.in_(text_members(connection, found.affected)),
    )
    for scope in _scopes(connection):
        connection.execute(
            delete(number_uses).where(
                number_uses.c.scope == scope,
                number_uses.c.number_hash.in_(integer_members(connection, found.hashes)),
                number_uses.c.interval_id == interval_id,
                number_uses.c.contact_id.in_(contacts),
            )
        )


def _scopes(connection: Connection) -> Iterator[str]:
    """All scopes of limits, each found with one look into the index."""
    scope = ""
    while True:
        found = connection.execute(
            select(func.min(number_uses.c.scope)).where(number_uses.c.scope > scope)
        ).scalar()
        if found is None:
            return
        yield found
        scope = found


def _numbers(call: dict[str, Any]) -> list[str]:
    numbers: list[str] = call["contact-numbers"]
    return numbers


_NEW_LAST4 = (
    update(calls).where(calls.c.client_identifier == bindparam("name")).values(number_last4=bindparam("last4"))
)
