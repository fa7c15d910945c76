"""Claims: each contact once for a campaign and an interval, in frozen batches.

Every function works inside a transaction of the caller, who plans a chunk of contacts in one.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Update,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Past
from phonon.ledger.bulk import insert_rows
from phonon.ledger.members import as_parameter, integers_named, texts_named
from phonon.ledger.schema import batches, calls, intervals, number_uses, plans, rejects
from phonon.ledger.states import BatchState, CallStatus

_DAY = 86_400.0


@dataclass(frozen=True)
class Plan:
    """One reading of a campaign's contacts for an interval, by one try of one run.

    ``scope``: what its calls count by in frequency limits, the campaign's name or that of a group.
    """

    id: int
    interval_id: int
    campaign: str
    run_id: str
    scope: str


class NewCall(NamedTuple):
    """A call about to be claimed. ``number_hashes`` count against the campaign's frequency limit."""

    contact_id: str
    client_identifier: str
    number_last4: str
    starts_at: float
    number_hashes: Sequence[int]


@dataclass(frozen=True)
class KnownAnswer:
    """What a report of Phonon's says of calls that this ledger has not sent; ``phonon_uuids`` by call."""

    reason: str
    request_id: str | None
    phonon_uuids: Mapping[str, str]


@dataclass(frozen=True)
class NewBatch:
    """A batch about to be frozen; ``frozen`` is the ``calls`` array as it will be sent.

    One with an ``answer`` is accepted from the start and never sent.
    """

    endpoint: Endpoint
    api_version: str
    flow_id: str
    frozen: bytes
    not_after: float
    calls: Sequence[NewCall]
    answer: KnownAnswer | None = None


class LastUse(NamedTuple):
    """The latest call to a number. ``run_id``: the run that planned it; None if that was not noted."""

    campaign: str
    interval_id: int
    run_id: str | None
    contact_id: str
    starts_at: float


@dataclass(frozen=True)
class Reject:
    """A row that is not called. ``row_number`` counts the rows of the query from 0."""

    row_number: int
    contact_id: str | None
    status: CallStatus
    reason: str
    number_last4: str | None = None


def find_interval(connection: Connection, campaign: str, interval_key: str) -> int:
    """The id of a campaign's interval, made when it is new."""
    key = {"campaign": campaign, "interval_key": interval_key}
    found: int | None = connection.execute(_INTERVAL, key).scalar()
    if found is None:
        connection.execute(_new_interval(connection.dialect.name), key)
        found = connection.execute(_INTERVAL, key).scalar_one()
    return found


def begin_plan(
    connection: Connection,
    *,
    campaign: str,
    interval_key: str,
    run_id: str,
    now: float,
    scope: str | None = None,
    task: str | None = None,
) -> Plan:
    """Open a plan; what an earlier try of it planned stays claimed. ``scope``: by default the campaign."""
    interval_id = find_interval(connection, campaign, interval_key)
    values = {"interval_id": interval_id, "run_id": run_id, "started_at": now, "task": task}
    return Plan(
        connection.execute(_NEW_PLAN, values).scalar_one(), interval_id, campaign, run_id, scope or campaign
    )


def lock_campaign(connection: Connection, campaign: str) -> None:
    """Plan one chunk of a campaign, or of a group's scope, at a time, so that limits hold between runs at once.

    On SQLite every writing transaction excludes the others already.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.blake2b(f"phonon plan {campaign}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def claimed_contacts(connection: Connection, plan: Plan, contact_ids: Sequence[str]) -> Mapping[str, int]:
    """Those of the contacts that are claimed in the interval, with the newest plan that saw each."""
    asked = {"interval": plan.interval_id, "contacts": as_parameter(connection, contact_ids)}
    rows = connection.execute(_claimed(connection.dialect.name), asked)
    return {row.contact_id: row.plan_id for row in rows}


def rejected_contacts(connection: Connection, plan: Plan, contact_ids: Sequence[str]) -> set[str]:
    """Those of the contacts that this plan has already rejected."""
    asked = {"plan": plan.id, "contacts": as_parameter(connection, contact_ids)}
    return set(connection.execute(_rejected(connection.dialect.name), asked).scalars())


def see_again(connection: Connection, plan: Plan, contact_ids: Sequence[str]) -> None:
    """Note that this plan's query returned contacts that an earlier plan has claimed."""
    if contact_ids:
        seen = {"interval": plan.interval_id, "contacts": as_parameter(connection, contact_ids)}
        connection.execute(_see_again(connection.dialect.name), {**seen, "plan_id": plan.id})


def count_claimed(connection: Connection, plan: Plan) -> int:
    """Calls claimed in the plan's interval."""
    count: int = connection.execute(
        select(func.count()).select_from(calls).where(calls.c.interval_id == plan.interval_id)
    ).scalar_one()
    return count


def count_uses(connection: Connection, scope: str, number_hashes: Sequence[int], since: float) -> dict[int, int]:
    """Calls to each number that start at ``since`` or later and were not refused or left to expire."""
    oldest = _oldest_interval(connection, since)
    if oldest is None:
        return {}
    numbers = as_parameter(connection, number_hashes)
    asked = {"scope": scope, "numbers": numbers, "oldest": oldest, "since": since}
    rows = connection.execute(_uses(connection.dialect.name), asked)
    return {row[0]: row[1] for row in rows}


def last_uses(connection: Connection, scope: str, number_hashes: Sequence[int], since: float) -> dict[int, LastUse]:
    """The latest of the calls that ``count_uses`` counts, by number."""
    oldest = _oldest_interval(connection, since)
    if oldest is None:
        return {}
    numbers = as_parameter(connection, number_hashes)
    asked = {"scope": scope, "numbers": numbers, "oldest": oldest, "since": since}
    rows = connection.execute(_last_uses(connection.dialect.name), asked)
    return {row.number_hash: LastUse(*row[1:]) for row in rows}


def _oldest_interval(connection: Connection, since: float) -> int | None:
    """The first interval in which calls may start at ``since`` or later; None if there is no such call.

    The uses of a number in earlier ones need not be looked at, of which there are ever more.
    """
    # A day before, since a batch can be sent until shortly before the day of its calls ends.
    oldest: int | None = connection.execute(_OLDEST_INTERVAL, {"since": since - _DAY}).scalar()
    return oldest


def add_batch(connection: Connection, plan: Plan, batch: NewBatch, now: float) -> int:
    """Freeze a batch and claim its calls, as ``add_batches``; gives its id."""
    [batch_id] = add_batches(connection, plan, [batch], now)
    return batch_id


def add_batches(connection: Connection, plan: Plan, new: Sequence[NewBatch], now: float) -> list[int]:
    """Freeze batches and claim their calls; gives the batches' ids.

    The claim is a unique key, so a contact that another plan claimed meanwhile fails the transaction.
    """
    ids = [_add_frozen(connection, plan, batch, now) for batch in new]
    rows = [
        (plan.interval_id, contact_id, name, last4, starts_at, batch_id, plan.id)
        for batch_id, batch in zip(ids, new, strict=True)
        for contact_id, name, last4, starts_at, _ in batch.calls
    ]
    insert_rows(connection, calls, _CALL, rows)
    uses = [
        (plan.scope, used, plan.interval_id, call.contact_id)
        for batch in new
        for call in batch.calls
        for used in call.number_hashes
    ]
    # In the order of their index, of which many fall on one page, that is then read and written once.
    uses.sort()
    insert_rows(connection, number_uses, _USE, uses)
    return ids


def _add_frozen(connection: Connection, plan: Plan, batch: NewBatch, now: float) -> int:
    batch_id: int = connection.execute(
        _NEW_BATCH,
        {
            "interval_id": plan.interval_id,
            "plan_id": plan.id,
            "run_id": plan.run_id,
            **frozen_columns(batch.frozen),
            "endpoint": batch.endpoint,
            "api_version": batch.api_version,
            "flow_id": batch.flow_id,
            "calls": len(batch.calls),
            "starts_at": min(call.starts_at for call in batch.calls),
            "not_after": batch.not_after,
            "state": BatchState.PENDING,
            "past": Past.FIRST,
            "changed_at": now,
            **_answer_columns(batch.answer),
        },
    ).scalar_one()
    return batch_id


def _answer_columns(answer: KnownAnswer | None) -> dict[str, Any]:
    if answer is None:
        return {}
    uuids = dict(answer.phonon_uuids)
    return {
        "state": BatchState.ACCEPTED,
        "reason": answer.reason,
        "request_id": answer.request_id,
        "phonon_uuids": zlib.compress(orjson.dumps(uuids), 1) if uuids else None,
    }


def frozen_columns(frozen: bytes) -> dict[str, Any]:
    """How a frozen array is kept: deflated, with the checksum that tells whether it is still the same."""
    return {"frozen": zlib.compress(frozen, 1), "frozen_sha256": hashlib.sha256(frozen).hexdigest()}


def add_rejects(connection: Connection, plan: Plan, rows: Sequence[Reject]) -> None:
    """Note rows that are not called."""
    insert_rows(
        connection,
        rejects,
        _REJECT,
        [(plan.id, row.row_number, row.contact_id, row.status.value, row.reason, row.number_last4) for row in rows],
    )


def planned_before(connection: Connection, plan: Plan) -> int:
    """Calls that earlier tries of the plan's run planned in its interval."""
    known = {"interval": plan.interval_id, "run": plan.run_id, "plan": plan.id}
    count: int = connection.execute(_PLANNED_BEFORE, known).scalar_one()
    return int(count)


def note_planned(connection: Connection, plan: Plan, planned: int) -> None:
    """Note how many calls a plan that goes on has planned so far, for a later try of its run."""
    connection.execute(_PLAN, {"plan": plan.id, "planned": planned})


def finish_plan(connection: Connection, plan: Plan, *, rows_read: int, planned: int, now: float) -> None:
    """Close a plan: its rejects are now those of the interval, unless a later plan was closed already."""
    done = {"completed_at": now, "rows_read": rows_read, "planned": planned}
    connection.execute(_PLAN, {"plan": plan.id, **done})
    # Two runs may plan at once, and end in either order; the later one has dropped rows of the earlier.
    connection.execute(_NEWEST_PLAN, {"interval": plan.interval_id, "plan": plan.id, "plan_id": plan.id})
    connection.execute(_FORGET_REJECTS, {"interval": plan.interval_id, "plan": plan.id})


# Statements made once: to build one takes the ledger longer than to carry it out.
_INTERVAL = select(intervals.c.id).where(
    intervals.c.campaign == bindparam("campaign"), intervals.c.interval_key == bindparam("interval_key")
)
# Plus nothing: else the databases look for the minimum from the first interval on, through all that are older.
_OLDEST_INTERVAL = select(func.min(batches.c.interval_id + 0)).where(batches.c.not_after >= bindparam("since"))
_NEW_PLAN = insert(plans).returning(plans.c.id)
_PLAN = update(plans).where(plans.c.id == bindparam("plan"))
_PLANNED_BEFORE = select(func.coalesce(func.sum(plans.c.planned), 0)).where(
    plans.c.interval_id == bindparam("interval"),
    plans.c.run_id == bindparam("run"),
    plans.c.id < bindparam("plan"),
)
_NEWEST_PLAN = update(intervals).where(
    intervals.c.id == bindparam("interval"),
    or_(intervals.c.plan_id.is_(None), intervals.c.plan_id < bindparam("plan")),
)
_FORGET_REJECTS = delete(rejects).where(
    rejects.c.plan_id.in_(
        select(plans.c.id).where(plans.c.interval_id == bindparam("interval"), plans.c.id < bindparam("plan"))
    )
)
_NEW_BATCH = insert(batches).returning(batches.c.id)
_CALL = ("interval_id", "contact_id", "client_identifier", "number_last4", "starts_at", "batch_id", "plan_id")
_USE = ("scope", "number_hash", "interval_id", "contact_id")
_REJECT = ("plan_id", "row_number", "contact_id", "status", "reason", "number_last4")


@cache
def _new_interval(dialect: str) -> Insert:
    if dialect == "postgresql":
        return postgresql.insert(intervals).on_conflict_do_nothing()
    return sqlite.insert(intervals).on_conflict_do_nothing()


@cache
def _claimed(dialect: str) -> Select[Any]:
    return select(calls.c.contact_id, calls.c.plan_id).where(*_among_contacts(dialect))


@cache
def _see_again(dialect: str) -> Update:
    return update(calls).where(*_among_contacts(dialect))


def _among_contacts(dialect: str) -> tuple[ColumnElement[bool], ...]:
    return (
        calls.c.interval_id == bindparam("interval"),
        calls.c.contact_id.in_(texts_named(dialect, "contacts")),
    )


@cache
def _rejected(dialect: str) -> Select[Any]:
    return select(rejects.c.contact_id).where(
        rejects.c.plan_id == bindparam("plan"), rejects.c.contact_id.in_(texts_named(dialect, "contacts"))
    )


@cache
def _uses(dialect: str) -> Select[Any]:
    return (
        select(number_uses.c.number_hash, func.count())
        .join(
            calls,
            (calls.c.interval_id == number_uses.c.interval_id) & (calls.c.contact_id == number_uses.c.contact_id),
        )
        .join(batches, batches.c.id == calls.c.batch_id)
        .where(
            number_uses.c.scope == bindparam("scope"),
            number_uses.c.number_hash.in_(integers_named(dialect, "numbers")),
            number_uses.c.interval_id >= bindparam("oldest"),
            calls.c.starts_at >= bindparam("since"),
            batches.c.state.not_in([BatchState.REFUSED, BatchState.EXPIRED]),
        )
        .group_by(number_uses.c.number_hash)
    )


@cache
def _last_uses(dialect: str) -> Select[Any]:
    """The same calls, each by itself, the latest of a number last."""
    shown = (intervals.c.campaign, intervals.c.id, plans.c.run_id, calls.c.contact_id, calls.c.starts_at)
    return (
        _uses(dialect)
        .with_only_columns(number_uses.c.number_hash, *shown, maintain_column_froms=True)
        .join(intervals, intervals.c.id == calls.c.interval_id)
        .join(plans, plans.c.id == batches.c.plan_id, isouter=True)
        .group_by(None)
        .order_by(calls.c.starts_at, batches.c.id)
    )
