"""Intervals of which a ledger that was lost may have placed calls that nobody has recorded.

What is planned in them is held: only a report of Phonon's, or a person, can say that it was not called before. All
functions work inside a transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from phonon.api.verdict import Past
from phonon.ledger.claims import Plan
from phonon.ledger.members import integer_members
from phonon.ledger.schema import batches, doubted, intervals
from phonon.ledger.settlements import Decision
from phonon.ledger.states import BatchState


def doubt(connection: Connection, which: Collection[tuple[str, str]], decision: Decision) -> int:
    """Note intervals, by campaign and key. Returns how many were not noted before."""
    known = {(row.campaign, row.interval_key) for row in connection.execute(select(doubted))}
    new = sorted(set(which) - known)
    for campaign, interval_key in new:
        connection.execute(
            insert(doubted).values(
                campaign=campaign, interval_key=interval_key, doubted_at=decision.at, doubted_by=decision.by
            )
        )
    return len(new)


def hold_doubted(connection: Connection, plan: Plan, batch_ids: Sequence[int], now: float) -> bool:
    """Hold batches that were planned just now, if their interval is doubted. Returns whether it is."""
    row = connection.execute(
        select(doubted)
        .join(
            intervals,
            (intervals.c.campaign == doubted.c.campaign) & (intervals.c.interval_key == doubted.c.interval_key),
        )
        .where(intervals.c.id == plan.interval_id)
    ).first()
    if row is None or not batch_ids:
        return row is not None
    at = datetime.fromtimestamp(row.doubted_at, UTC)
    connection.execute(
        update(batches)
        .where(batches.c.id.in_(integer_members(connection, batch_ids)), batches.c.state == BatchState.PENDING)
        .values(
            state=BatchState.HELD,
            past=Past.UNANSWERED,
            reason=(
                f"the ledger was restored by {row.doubted_by} on {at:%Y-%m-%d %H:%M:%S} UTC: a run that it has "
                "forgotten may have placed this call"
            ),
            changed_at=now,
        )
    )
    return True
