"""What a person has approved of an interval, and the figures by which to tell whether one has to.

All functions work inside a transaction of the caller.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from phonon.api.verdict import Past
from phonon.ledger.followed import TEST_INTERVALS
from phonon.ledger.schema import approvals, batches, calls, decisions, intervals, plans, rejects
from phonon.ledger.settlements import Decision
from phonon.ledger.states import WITHOUT_CALLS, BatchState
from phonon.ledger.withdrawals import BEHIND_THE_QUERY

REJECTED = "rejected"
"""How the reason of a call begins that a person has rejected."""

_NEVER_ACCEPTED = sorted(past for past in Past if not past.may_be_accepted)


@dataclass(frozen=True)
class Unsent:
    """The calls of an interval that wait and that Phonon certainly has not accepted."""

    calls: int = 0
    batches: int = 0
    claimed: int = 0
    """All calls of the interval, those that were sent among them."""
    by_start: Sequence[tuple[datetime, int]] = ()
    """The earliest start of each batch, in UTC, and its calls."""
    first: bytes = field(default=b"[]", repr=False)
    """The ``calls`` array of the first batch: with phone numbers."""
    bytes: int = 0
    """Of all ``calls`` arrays, without the envelopes around them."""


@dataclass(frozen=True)
class PastInterval:
    """An interval of a campaign that was planned before: when, and how many calls."""

    interval_key: str
    planned_at: datetime
    calls: int


def unsent(connection: Connection, interval_id: int) -> Unsent:
    """Count what a run would send of an interval that was not sent before."""
    query = (
        select(batches.c.calls, batches.c.starts_at, batches.c.frozen)
        .where(
            batches.c.interval_id == interval_id,
            batches.c.state == BatchState.PENDING,
            batches.c.past.in_(_NEVER_ACCEPTED),
        )
        .order_by(batches.c.id)
    )
    first, size = b"[]", 0
    by_start: list[tuple[datetime, int]] = []
    for row in connection.execute(query.execution_options(yield_per=100)):
        frozen = zlib.decompress(row.frozen)
        first = frozen if not by_start else first
        size += len(frozen)
        by_start.append((datetime.fromtimestamp(row.starts_at, UTC), row.calls))
    return Unsent(
        sum(count for _, count in by_start), len(by_start), claimed(connection, interval_id), by_start, first, size
    )


def unsent_calls(connection: Connection, interval_id: int) -> int:
    """How many calls :func:`unsent` would find, without reading them."""
    count: int = connection.execute(
        select(func.coalesce(func.sum(batches.c.calls), 0)).where(
            batches.c.interval_id == interval_id,
            batches.c.state == BatchState.PENDING,
            batches.c.past.in_(_NEVER_ACCEPTED),
        )
    ).scalar_one()
    return int(count)


def claimed(connection: Connection, interval_id: int) -> int:
    """All calls that are claimed in an interval."""
    count: int = connection.execute(
        select(func.count()).select_from(calls).where(calls.c.interval_id == interval_id)
    ).scalar_one()
    return count


def past_intervals(connection: Connection, interval_id: int, *, most: int) -> list[PastInterval]:
    """The campaign's last other intervals in which calls were planned, the newest first."""
    campaign = select(intervals.c.campaign).where(intervals.c.id == interval_id).scalar_subquery()
    planned_at = (
        select(func.max(plans.c.completed_at)).where(plans.c.interval_id == intervals.c.id).scalar_subquery()
    )
    count = func.sum(batches.c.calls)  # not what was planned: what was rejected says nothing of what is usual
    rows = connection.execute(
        select(intervals.c.interval_key, planned_at.label("planned_at"), count)
        .join(batches, batches.c.interval_id == intervals.c.id)
        .where(
            intervals.c.campaign == campaign,
            intervals.c.id != interval_id,
            ~intervals.c.interval_key.startswith(TEST_INTERVALS),
            intervals.c.plan_id.is_not(None),
            batches.c.state.not_in(sorted(WITHOUT_CALLS)),
        )
        .group_by(intervals.c.id, intervals.c.interval_key)
        .having(count > 0)
        .order_by(planned_at.desc())
        .limit(most)
    )
    return [PastInterval(key, datetime.fromtimestamp(at, UTC), int(calls)) for key, at, calls in rows]


def approved_calls(connection: Connection, interval_id: int) -> int:
    """How many of the calls that are claimed in an interval may be sent; 0 if nobody was asked."""
    found: int | None = connection.execute(
        select(approvals.c.calls).where(approvals.c.interval_id == interval_id)
    ).scalar()
    return found or 0


def rejection(connection: Connection, interval_id: int) -> str | None:
    """Why calls that the interval's newest plan had planned were taken back; None if nobody rejected them."""
    found: str | None = connection.execute(
        select(rejects.c.reason)
        .join(intervals, intervals.c.plan_id == rejects.c.plan_id)
        .where(
            intervals.c.id == interval_id,
            rejects.c.row_number >= BEHIND_THE_QUERY,
            rejects.c.reason.startswith(REJECTED),
        )
        .limit(1)
    ).scalar()
    return found


def approve(connection: Connection, interval_id: int, count: int, decision: Decision) -> None:
    """Let so many of the interval's claimed calls be sent; an approval of more stays."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"calls": count, "approved_at": decision.at, "approved_by": decision.by}
    connection.execute(dialect.insert(approvals).values(interval_id=interval_id, **values).on_conflict_do_nothing())
    connection.execute(
        update(approvals).where(approvals.c.interval_id == interval_id, approvals.c.calls < count).values(values)
    )
    note_decision(connection, interval_id, "approve", count, decision)


def note_decision(connection: Connection, interval_id: int, action: str, count: int, decision: Decision) -> None:
    """Put on record who decided about the calls of an interval, when and why."""
    connection.execute(
        insert(decisions).values(
            decided_at=decision.at,
            decided_by=decision.by,
            action=action,
            scope=select(intervals.c.campaign).where(intervals.c.id == interval_id).scalar_subquery(),
            calls=count,
            note=decision.note,
        )
    )
