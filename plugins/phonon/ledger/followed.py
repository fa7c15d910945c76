"""The calls that campaigns have placed to contacts before, for those who call after them.

All functions work inside a transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, literal, select

from phonon.api.verdict import Past
from phonon.ledger.members import integer_members, text_members
from phonon.ledger.schema import batches, calls, intervals
from phonon.ledger.states import BatchState, CallStatus, call_status

TEST_INTERVALS = "test:"
"""How the keys of intervals begin in which a tester was called instead of the contacts."""

_DAY = 86_400.0
_DEAR = 4
"""To fetch a row and drop it costs as much as to look for so many."""


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call that was planned. ``at``: when it started or is to start, seconds since the epoch."""

    campaign: str
    contact_id: str
    at: float
    status: CallStatus
    code: int | None


@dataclass
class RecentCalls:
    """Finds calls of some campaigns that started at ``since`` or later; may give older ones as well.

    Remembers from one transaction to the next in which intervals there are such calls. Of its own campaign
    whoever asks must hold the lock, or may miss what another run is planning.
    """

    campaigns: Sequence[str]
    since: float
    _intervals: dict[int, str] = field(default_factory=dict)
    _calls: int = 0
    _seen: int = 0

    def of(self, connection: Connection, contact_ids: Sequence[str], now: float) -> list[PastCall]:
        """The calls to these contacts, in no order."""
        self._look_for_intervals(connection)
        found = self._calls_of(connection, contact_ids)
        states = _batches(connection, sorted({row.batch_id for row in found}))
        return [_past_call(self._intervals[row.interval_id], row, states[row.batch_id], now) for row in found]

    def _look_for_intervals(self, connection: Connection) -> None:
        """Note the intervals that have batches of that time. Calls of a batch start on one day, or were moved."""
        newest = connection.execute(select(func.coalesce(func.max(batches.c.id), 0))).scalar_one()
        rows = connection.execute(
            select(intervals.c.id, intervals.c.campaign, func.sum(batches.c.calls))
            .join(batches, batches.c.interval_id == intervals.c.id)
            .where(
                intervals.c.campaign.in_(self.campaigns),
                func.substr(intervals.c.interval_key, 1, len(TEST_INTERVALS)) != TEST_INTERVALS,
                batches.c.id > self._seen,
                batches.c.starts_at >= self.since - 2 * _DAY,
            )
            .group_by(intervals.c.id, intervals.c.campaign)
        )
        for interval_id, campaign, count in rows:
            self._intervals[interval_id] = campaign
            self._calls += int(count)
        self._seen = newest

    def _calls_of(self, connection: Connection, contact_ids: Sequence[str]) -> Sequence[Any]:
        """Rows of the calls, looked up one by one, or all read where a campaign has many small intervals."""
        query = select(calls.c.interval_id, calls.c.contact_id, calls.c.starts_at, calls.c.batch_id).where(
            calls.c.interval_id.in_(integer_members(connection, sorted(self._intervals)))
        )
        if _DEAR * self._calls < len(self._intervals) * len(contact_ids):
            wanted = set(contact_ids)
            return [row for row in connection.execute(query).all() if row.contact_id in wanted]
        chosen = query.where(calls.c.contact_id.in_(text_members(connection, contact_ids)))
        return connection.execute(chosen).all()


def knows_campaign(connection: Connection, campaign: str) -> bool:
    """Whether any run of the campaign was ever planned."""
    query = select(literal(1)).select_from(intervals).where(intervals.c.campaign == campaign)
    return connection.execute(query.limit(1)).first() is not None


def _batches(connection: Connection, batch_ids: Sequence[int]) -> Mapping[int, Any]:
    columns = (
        batches.c.id,
        batches.c.state,
        batches.c.past,
        batches.c.code,
        batches.c.sent_at,
        batches.c.not_after,
    )
    rows = connection.execute(select(*columns).where(batches.c.id.in_(integer_members(connection, batch_ids))))
    return {row.id: row for row in rows}


def _past_call(campaign: str, call: Any, batch: Any, now: float) -> PastCall:
    status = call_status(BatchState(batch.state), Past(batch.past))
    if status is CallStatus.PENDING and now > batch.not_after:
        # Nobody has sent the rest of that run, and nobody may any more: it is expired, seen or not.
        status = CallStatus.EXPIRED
    return PastCall(campaign, call.contact_id, max(call.starts_at, batch.sent_at or 0.0), status, batch.code)
