"""The outbox: frozen batches on their way to Phonon, taken and settled under a fence.

Taking a batch raises its fence in the same transaction that commits SENDING and books the rate budget. Whoever
holds an older fence can record nothing. All functions work inside a transaction of the caller.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, Update, bindparam, func, insert, select, update

from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Past
from phonon.errors import LedgerError
from phonon.ledger.budget import WINDOW_SECONDS, RateLimit, room
from phonon.ledger.claims import frozen_columns
from phonon.ledger.members import as_parameter, integers_named, texts_named, written_out
from phonon.ledger.owner import is_certainly_dead
from phonon.ledger.schema import batches, calls, sends
from phonon.ledger.shares import WHOLE, Share
from phonon.ledger.states import SETTLED, BatchState

_SENDABLE = (BatchState.PENDING, BatchState.UNKNOWN)


@dataclass(frozen=True)
class Batch:
    """A frozen batch as it stood when it was read; ``fence`` tells later whether it still stands so."""

    id: int
    endpoint: Endpoint
    api_version: str
    flow_id: str
    calls: int
    frozen: bytes = field(repr=False)
    starts_at: float
    not_after: float
    state: BatchState
    past: Past
    attempts: int
    fence: int
    body_sha256: str | None
    code: int | None


@dataclass(frozen=True)
class Sender:
    """Who takes batches: the run, the process, and the longest time in which one of its sends has ended."""

    run_id: str
    owner: str
    lease_seconds: float


@dataclass(frozen=True)
class Envelope:
    """A batch and the body that will be sent for it."""

    batch: Batch
    body_sha256: str
    body_bytes: int


@dataclass(frozen=True)
class Wave:
    """What was taken: the batches, each with its new fence, and when to ask again if the limit kept others back."""

    taken: Sequence[Batch]
    wait_until: float | None


@dataclass(frozen=True)
class Child:
    """A part of a batch that becomes a batch of its own; ``starts_at`` and ``not_after`` None are the batch's."""

    frozen: bytes = field(repr=False)
    client_identifiers: Sequence[str]
    state: BatchState
    past: Past
    reason: str | None = None
    starts_at: float | None = None
    not_after: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a batch that was taken, or that nothing more is done with.

    ``answered`` is None for a batch that was not sent in this step.
    """

    batch: Batch
    state: BatchState
    past: Past
    reason: str | None
    attempts: int
    answered: Answered | None = None
    not_before: float = 0.0
    children: Sequence[Child] = ()


@dataclass(frozen=True)
class Answered:
    """What a send brought back. ``sent`` False: no byte of it was sent, so it takes nothing of the limit."""

    sent: bool
    outcome: str
    http_status: int | None = None
    code: int | None = None
    message: str | None = None
    request_id: str | None = None
    phonon_uuids: Mapping[str, str] | None = None


def candidates(
    connection: Connection,
    interval_id: int,
    *,
    now: float,
    most: int,
    without: Sequence[int] = (),
    share: Share = WHOLE,
    run_id: str | None = None,
) -> list[Batch]:
    """The next batches that may be sent, in the order of their ids.

    They are the oldest of the sender's share. When few of those are left, it gets the newest of other shares too:
    their own senders, which begin at the other end, are met as late as can be. In one order, because whoever
    changes batches locks them one by one: two senders with different orders would block each other for ever.

    :param run_id: only those that this run was the last to change.
    """
    parameters = {
        "interval": interval_id,
        "now": now,
        "without": as_parameter(connection, without),
        "part": share.part,
        "of": share.of,
        **({} if run_id is None else {"run": run_id}),
    }
    key = connection.dialect.name, run_id is not None
    rows = list(connection.execute(_candidates(*key), {**parameters, "most": most}))
    if share.of > 1 and len(rows) < most:
        rows += connection.execute(_candidates_of_others(*key), {**parameters, "most": most - len(rows)})
    return [read_batch(row) for row in sorted(rows, key=lambda row: row.id)]


def next_due(
    connection: Connection, interval_id: int, *, without: Sequence[int] = (), run_id: str | None = None
) -> float | None:
    """When the next batch of the interval may be looked at: its backoff or the lease of its sender ends.

    :param run_id: only of those that this run was the last to change.
    """
    parameters = {
        "interval": interval_id,
        "without": as_parameter(connection, without),
        **({} if run_id is None else {"run": run_id}),
    }
    statement = _next_due(connection.dialect.name, run_id is not None)
    found: float | None = connection.execute(statement, parameters).scalar()
    return found


def recover(
    connection: Connection,
    interval_id: int,
    *,
    run_id: str,
    now: float,
    is_dead: Callable[[str], bool] = is_certainly_dead,
) -> int:
    """Make batches whose sender is gone unknown; gives how many.

    A sender is gone when its lease has ended, since every send ends earlier, or when its process is known dead.
    """
    rows = connection.execute(_BEING_SENT, {"interval": interval_id}).all()
    gone = [row for row in rows if row.lease_until <= now or is_dead(row.owner)]
    for row in gone:
        values = {
            "state": BatchState.UNKNOWN,
            "past": Past(row.past).after_silence(),
            "fence": row.fence + 1,
            "lease_until": None,
            "reason": "the sender ended before an answer was recorded",
            "run_id": run_id,
            "changed_at": now,
        }
        connection.execute(_RECORD, {"known_id": row.id, "known_fence": row.fence, **values})
    return len(gone)


def take(
    connection: Connection, envelopes: Sequence[Envelope], *, sender: Sender, limit: RateLimit, now: float
) -> Wave:
    """Commit to sending as many of the batches, in order, as the limit leaves room for."""
    fit, when = room(connection, limit, [limit.weight(each.batch.calls) for each in envelopes], now)
    taken = []
    for envelope in envelopes[:fit]:
        batch = envelope.batch
        values = {
            "state": BatchState.SENDING,
            "fence": batch.fence + 1,
            "attempts": batch.attempts + 1,
            "owner": sender.owner,
            "lease_until": now + sender.lease_seconds,
            "body_sha256": envelope.body_sha256,
            # Bound to what it is sent with: from here on Phonon may have it.
            "flow_id": batch.flow_id,
            "api_version": batch.api_version,
            "sent_at": now,
            "run_id": sender.run_id,
            "changed_at": now,
        }
        changed = connection.execute(_TAKE, {"known_id": batch.id, "known_fence": batch.fence, **values})
        if changed.rowcount != 1:
            continue  # another sender has it
        connection.execute(_NEW_SEND, _send(envelope, sender, limit, now))
        taken.append(batch)
    return Wave(taken, None if fit == len(envelopes) else when)


def record(connection: Connection, outcomes: Sequence[Outcome], *, run_id: str, now: float) -> list[Outcome]:
    """Write what was learned; gives the outcomes that came too late, because the fence had been raised."""
    late = []
    for outcome in outcomes:
        batch, answered = outcome.batch, outcome.answered
        fence = batch.fence + (1 if answered else 0)
        known = {"known_id": batch.id, "known_fence": fence}
        values: dict[str, Any] = {
            "state": outcome.state,
            "past": outcome.past,
            "attempts": outcome.attempts,
            "reason": outcome.reason,
            "not_before": outcome.not_before,
            "lease_until": None,
            "fence": fence + 1,
            "run_id": run_id,
            "changed_at": now,
        }
        if answered:
            values |= _answer_columns(answered)
            connection.execute(_ANSWER, {**known, **_send_columns(answered, now)})
        changed = connection.execute(_RECORD, {**known, **values})
        if changed.rowcount != 1:
            late.append(outcome)
            continue
        for child in outcome.children:
            add_child(connection, batch.id, child, run_id=run_id, now=now)
    return late


def replace_by_parts(connection: Connection, outcome: Outcome, *, run_id: str, now: float) -> list[Batch]:
    """Write that a batch was split; gives the batches that replace it, none if it came too late."""
    if record(connection, [outcome], run_id=run_id, now=now):
        return []
    return [read_batch(row) for row in connection.execute(_PARTS, {"known_id": outcome.batch.id})]


def freeze_anew(connection: Connection, batch: Batch, frozen: bytes, *, starts_at: float, not_after: float) -> None:
    """Give a batch that was certainly never sent other start-times; those before ``starts_at`` move to it."""
    if batch.past is not Past.FIRST:
        raise LedgerError(f"Batch {batch.id} was sent before and must keep its bytes.")
    changed = connection.execute(
        update(batches)
        .where(*_as_read(batch), batches.c.state == BatchState.PENDING, batches.c.past == Past.FIRST)
        .values(**frozen_columns(frozen), starts_at=starts_at, not_after=not_after, fence=batch.fence + 1)
    )
    if changed.rowcount == 1:
        connection.execute(
            update(calls)
            .where(calls.c.batch_id == batch.id, calls.c.starts_at < starts_at)
            .values(starts_at=starts_at)
        )


def erase_settled(connection: Connection, *, before: float) -> int:
    """Erase the phone numbers of batches that were settled earlier than that; gives how many batches."""
    changed = connection.execute(
        update(batches)
        .where(batches.c.state.in_(sorted(SETTLED)), batches.c.changed_at < before, batches.c.frozen.is_not(None))
        .values(frozen=None)
    )
    return changed.rowcount


def _as_read(batch: Batch) -> tuple[ColumnElement[bool], ...]:
    return batches.c.id == batch.id, batches.c.fence == batch.fence


def _send(envelope: Envelope, sender: Sender, limit: RateLimit, now: float) -> dict[str, Any]:
    return {
        "batch_id": envelope.batch.id,
        "fence": envelope.batch.fence + 1,
        "run_id": sender.run_id,
        "endpoint": limit.endpoint,
        "account": limit.account,
        "calls": envelope.batch.calls,
        "weight": limit.weight(envelope.batch.calls),
        "bytes": envelope.body_bytes,
        "started_at": now,
        "counts_until": now + sender.lease_seconds + WINDOW_SECONDS,
    }


def _send_columns(answered: Answered, now: float) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "answered_at": now,
        "http_status": answered.http_status,
        "code": answered.code,
        "outcome": answered.outcome,
    }
    if not answered.sent:
        columns["counts_until"] = now
    elif answered.http_status is not None:
        # Without an answer it may still lie in a buffer on the way, and arrive as late as its lease allows.
        columns["counts_until"] = now + WINDOW_SECONDS
    return columns


def _answer_columns(answered: Answered) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if answered.code is not None or answered.message:
        columns |= {"code": answered.code, "message": answered.message}
    if answered.request_id:
        columns["request_id"] = answered.request_id
    if answered.phonon_uuids:
        columns["phonon_uuids"] = zlib.compress(orjson.dumps(dict(answered.phonon_uuids)), 1)
    return columns


def add_child(
    connection: Connection,
    parent_id: int,
    child: Child,
    *,
    run_id: str,
    now: float,
    instead: Mapping[str, Any] | None = None,
) -> int:
    """Move some calls of a batch to a new one; gives its id.

    ``instead``: columns that the new batch does not take over from its parent. Raises LedgerError unless the
    parent holds every call that the child names.
    """
    row = connection.execute(_BATCH, {"known_id": parent_id}).mappings().one()
    inherited = (
        "interval_id",
        "plan_id",
        "endpoint",
        "api_version",
        "flow_id",
        "starts_at",
        "not_after",
        "code",
        "message",
    )
    kept = ("request_id", "body_sha256", "sent_at") if child.past is not Past.FIRST else ()
    child_id: int = connection.execute(
        _NEW_BATCH,
        {name: row[name] for name in (*inherited, *kept)}
        | frozen_columns(child.frozen)
        | {
            "parent_id": parent_id,
            "run_id": run_id,
            "calls": len(child.client_identifiers),
            "state": child.state,
            "past": child.past,
            "reason": child.reason,
            "changed_at": now,
        }
        | ({} if child.starts_at is None else {"starts_at": child.starts_at, "not_after": child.not_after})
        | dict(instead or {}),
    ).scalar_one()
    names = as_parameter(connection, child.client_identifiers)
    move = {"parent": parent_id, "names": names, "batch_id": child_id}
    moved = connection.execute(_move(connection.dialect.name), move)
    if moved.rowcount != len(child.client_identifiers):
        raise LedgerError(f"Batch {parent_id} does not hold the calls that its frozen bytes name.")
    connection.execute(_LOSE_CALLS, {"known_id": parent_id, "moved": len(child.client_identifiers)})
    return child_id


def read_batch(row: Row[Any]) -> Batch:
    """A row of ``batches``. Raises LedgerError when its frozen calls are gone or not those that were frozen."""
    if row.frozen is None:
        raise LedgerError(
            f"The frozen calls of batch {row.id} were erased, although it is {row.state}. Restore the ledger from "
            "a backup, and treat what was sent since as unknown."
        )
    try:
        frozen = zlib.decompress(row.frozen)
    except zlib.error:
        frozen = None
    if frozen is None or hashlib.sha256(frozen).hexdigest() != row.frozen_sha256:
        raise LedgerError(
            f"The frozen calls of batch {row.id} changed in the ledger and must not be sent. Restore the ledger "
            "from a backup, and treat what was sent since as unknown."
        )
    return Batch(
        id=row.id,
        endpoint=Endpoint(row.endpoint),
        api_version=row.api_version,
        flow_id=row.flow_id,
        calls=row.calls,
        frozen=frozen,
        starts_at=row.starts_at,
        not_after=row.not_after,
        state=BatchState(row.state),
        past=Past(row.past),
        attempts=row.attempts,
        fence=row.fence,
        body_sha256=row.body_sha256,
        code=row.code,
    )


# Statements made once: to build one takes the ledger longer than to carry it out.
_OF_RUN = batches.c.run_id == bindparam("run")
_IS_MINE = bindparam("part") == batches.c.id % bindparam("of")
_KNOWN = (batches.c.id == bindparam("known_id"), batches.c.fence == bindparam("known_fence"))
_TAKE = update(batches).where(*_KNOWN, batches.c.state.in_(written_out(_SENDABLE)))
_RECORD = update(batches).where(*_KNOWN)
_BATCH = select(batches).where(batches.c.id == bindparam("known_id"))
_NEW_BATCH = insert(batches).returning(batches.c.id)
_LOSE_CALLS = (
    update(batches).where(batches.c.id == bindparam("known_id")).values(calls=batches.c.calls - bindparam("moved"))
)
_NEW_SEND = insert(sends)
_ANSWER = update(sends).where(sends.c.batch_id == bindparam("known_id"), sends.c.fence == bindparam("known_fence"))
_BEING_SENT = (
    select(batches)
    .where(batches.c.interval_id == bindparam("interval"), batches.c.state == BatchState.SENDING)
    .order_by(batches.c.id)
)


_PARENT = batches.alias("parent")
_INTERVAL_OF_PARENT = select(_PARENT.c.interval_id).where(_PARENT.c.id == bindparam("known_id")).scalar_subquery()
_PARTS = (
    select(batches)
    .where(
        batches.c.parent_id == bindparam("known_id"),
        # By the index of the open ones; parts are newer than what they are of.
        batches.c.interval_id == _INTERVAL_OF_PARENT,
        batches.c.state == BatchState.PENDING,
        batches.c.id > bindparam("known_id"),
    )
    .order_by(batches.c.id)
)


@cache
def _candidates(dialect: str, of_a_run: bool) -> Select[Any]:
    return _sendable(dialect, of_a_run).where(_IS_MINE).order_by(batches.c.id)


@cache
def _candidates_of_others(dialect: str, of_a_run: bool) -> Select[Any]:
    return _sendable(dialect, of_a_run).where(~_IS_MINE).order_by(batches.c.id.desc())


def _sendable(dialect: str, of_a_run: bool) -> Select[Any]:
    return (
        select(batches)
        .where(
            batches.c.interval_id == bindparam("interval"),
            batches.c.state.in_(written_out(_SENDABLE)),
            batches.c.not_before <= bindparam("now"),
            batches.c.id.not_in(integers_named(dialect, "without")),
            *([_OF_RUN] if of_a_run else []),
        )
        .limit(bindparam("most"))
    )


@cache
def _next_due(dialect: str, of_a_run: bool) -> Select[Any]:
    return select(func.min(func.coalesce(batches.c.lease_until, batches.c.not_before))).where(
        batches.c.interval_id == bindparam("interval"),
        batches.c.state.in_(written_out((*_SENDABLE, BatchState.SENDING))),
        batches.c.id.not_in(integers_named(dialect, "without")),
        *([_OF_RUN] if of_a_run else []),
    )


@cache
def _move(dialect: str) -> Update:
    return update(calls).where(
        calls.c.batch_id == bindparam("parent"), calls.c.client_identifier.in_(texts_named(dialect, "names"))
    )
