"""Reading the ledger: what became of every contact of an interval, and of a run."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, exists, func, or_, select

from phonon.api.verdict import Past
from phonon.ledger.budget import WINDOW_SECONDS
from phonon.ledger.members import written_out
from phonon.ledger.schema import batches, calls, intervals, plans, rejects, sends
from phonon.ledger.states import SETTLED, WITHOUT_CALLS, BatchState, CallStatus, call_status
from phonon.ledger.store import Ledger

_SHOWN_WITH_ANSWER = frozenset(
    {CallStatus.ACCEPTED, CallStatus.ACCEPTED_EARLIER, CallStatus.REFUSED, CallStatus.HELD, CallStatus.PENDING}
)
WITHOUT_FROZEN = tuple(column for column in batches.c if column.name != "frozen")
"""The columns of a batch that hold no phone number, and are small."""
_SHOWN_OF_CALL = (
    calls.c.contact_id,
    calls.c.client_identifier,
    calls.c.number_last4,
    calls.c.starts_at,
    calls.c.batch_id,
)


@dataclass(frozen=True)
class Totals:
    """Calls of an interval: by status, and by response code of those that were answered."""

    by_status: Mapping[CallStatus, int]
    by_code: Mapping[int, int]


@dataclass(frozen=True)
class RunFigures:
    """What one run read, planned and sent. Times are seconds since the epoch."""

    rows_read: int
    planned: int
    requests: int
    bytes: int
    first_sent_at: float | None
    last_sent_at: float | None
    last_answer_at: float | None
    highest_in_any_minute: int

    @property
    def seconds(self) -> float:
        """From the first send to the last answer."""
        return (self.last_answer_at or self.last_sent_at or 0.0) - (self.first_sent_at or 0.0)


@dataclass(frozen=True)
class HeldBatch:
    """A batch that waits for evidence, a person or a later run."""

    id: int
    calls: int
    sent_at: datetime | None
    request_id: str | None
    reason: str


def result_rows(ledger: Ledger, interval_id: int, *, chunk_rows: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of the results table for an interval, in chunks; times are aware datetimes in UTC.

    Read in short transactions by key, so that senders are not kept waiting.
    """
    with ledger.transaction(read_only=True) as connection:
        interval = connection.execute(_INTERVAL, {"interval": interval_id}).one()
    common = {"campaign": interval.campaign, "interval_key": interval.interval_key}
    after: str | None = None
    while True:
        key = {"interval": interval_id, "after": after, "most": chunk_rows}
        with ledger.transaction(read_only=True) as connection:
            rows = connection.execute(_FIRST_CALLS if after is None else _NEXT_CALLS, key).all()
            answers = _answers(connection, {row.batch_id for row in rows})
        if not rows:
            break
        yield _with_answers(rows, common, answers)
        after = rows[-1].contact_id
    if interval.plan_id is not None:
        yield from _reject_rows(ledger, interval, common, chunk_rows)


def totals(connection: Connection, interval_id: int) -> Totals:
    """Count an interval's contacts as the results table shows them."""
    by_status: Counter[CallStatus] = Counter()
    by_code: Counter[int] = Counter()
    for state, past, code, count in connection.execute(_CALLS_BY_ANSWER, {"interval": interval_id}):
        status = call_status(BatchState(state), Past(past))
        by_status[status] += int(count)
        if code is not None and status in _SHOWN_WITH_ANSWER:
            by_code[code] += int(count)
    for status, count in connection.execute(_REJECTS_BY_STATUS, {"interval": interval_id}):
        by_status[CallStatus(status)] += count
    return Totals(by_status, by_code)


def run_figures(connection: Connection, interval_id: int, run_id: str) -> RunFigures:
    """What one run did in an interval, all its tries together."""
    plan = connection.execute(
        select(func.coalesce(func.max(plans.c.rows_read), 0), func.coalesce(func.sum(plans.c.planned), 0)).where(
            plans.c.interval_id == interval_id, plans.c.run_id == run_id
        )
    ).one()
    sent = connection.execute(
        select(sends.c.started_at, sends.c.answered_at, sends.c.calls, sends.c.bytes)
        .join(batches, batches.c.id == sends.c.batch_id)
        .where(batches.c.interval_id == interval_id, sends.c.run_id == run_id)
        .order_by(sends.c.started_at)
    ).all()
    times = [row.started_at for row in sent]
    return RunFigures(
        rows_read=int(plan[0]),
        planned=int(plan[1]),
        requests=len(sent),
        bytes=sum(row.bytes for row in sent),
        first_sent_at=times[0] if times else None,
        last_sent_at=times[-1] if times else None,
        last_answer_at=max((row.answered_at for row in sent if row.answered_at is not None), default=None),
        highest_in_any_minute=_highest([(row.started_at, row.calls) for row in sent]),
    )


def held_batches(connection: Connection, interval_id: int) -> list[HeldBatch]:
    """The batches of an interval that are shown as held and still wait for something, oldest first."""
    rows = connection.execute(
        select(*WITHOUT_FROZEN)
        .where(batches.c.interval_id == interval_id, batches.c.calls > 0, batches.c.state.not_in(sorted(SETTLED)))
        .order_by(batches.c.id)
    )
    return [
        HeldBatch(
            row.id, row.calls, _datetime(row.sent_at), row.request_id, row.reason or "sent, no answer recorded yet"
        )
        for row in rows
        if call_status(BatchState(row.state), Past(row.past)) is CallStatus.HELD
    ]


def open_calls(connection: Connection, interval_id: int) -> int:
    """Calls of an interval that are neither settled nor held."""
    count: int = connection.execute(_OPEN_CALLS, {"interval": interval_id}).scalar_one()
    return int(count)


def _answers(connection: Connection, batch_ids: set[int]) -> dict[int, tuple[Row[Any], dict[str, str]]]:
    """The batches, each with the phonon-uuids of its calls."""
    answers = {}
    ids = sorted(batch_ids)
    for start in range(0, len(ids), 500):
        for row in connection.execute(_BATCHES, {"ids": ids[start : start + 500]}):
            answers[row.id] = (row, orjson.loads(zlib.decompress(row.phonon_uuids)) if row.phonon_uuids else {})
    return answers


def _with_answers(
    rows: Sequence[Any], common: Mapping[str, Any], answers: Mapping[int, tuple[Row[Any], dict[str, str]]]
) -> list[dict[str, Any]]:
    """The calls as rows of the results table; what those of a batch have in common is made once."""
    shared = {batch_id: {**common, **_batch_row(batch)} for batch_id, (batch, _) in answers.items()}
    starts = {at: _datetime(at) for at in {row.starts_at for row in rows}}
    return [
        {
            **shared[batch_id],
            "contact_id": contact_id,
            "client_identifier": name,
            "number_last4": last4,
            "phonon_uuid": answers[batch_id][1].get(name) or None,
            "start_time": starts[starts_at],
        }
        for contact_id, name, last4, starts_at, batch_id in rows
    ]


def _batch_row(batch: Row[Any]) -> dict[str, Any]:
    return {
        "run_id": batch.run_id,
        "status": call_status(BatchState(batch.state), Past(batch.past)).value,
        "reason": batch.reason,
        "api_code": batch.code,
        "api_message": batch.message,
        "request_id": batch.request_id,
        "batch_id": str(batch.id),
        "endpoint": batch.endpoint,
        "flow_id": batch.flow_id,
        "sent_at": _datetime(batch.sent_at),
    }


def _reject_rows(
    ledger: Ledger, interval: Row[Any], common: Mapping[str, Any], chunk_rows: int
) -> Iterator[list[dict[str, Any]]]:
    after = -1
    while True:
        key = {"plan": interval.plan_id, "interval": interval.id, "after": after, "most": chunk_rows}
        with ledger.transaction(read_only=True) as connection:
            rows = connection.execute(_NEXT_REJECTS, key).all()
        if not rows:
            return
        names = ("run_id", "contact_id", "status", "reason", "number_last4")
        yield [{**common, **{name: getattr(row, name) for name in names}} for row in rows]
        after = rows[-1].row_number


def _highest(events: list[tuple[float, int]]) -> int:
    """The most calls whose sends started in any 60 seconds."""
    highest = total = first = 0
    for at, weight in events:
        total += weight
        while events[first][0] <= at - WINDOW_SECONDS:
            total -= events[first][1]
            first += 1
        highest = max(highest, total)
    return highest


def _datetime(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


# Statements made once: to build one takes the ledger longer than to carry it out.
_INTERVAL = select(intervals).where(intervals.c.id == bindparam("interval"))
_FIRST_CALLS = (
    select(*_SHOWN_OF_CALL)
    .where(calls.c.interval_id == bindparam("interval"))
    .order_by(calls.c.contact_id)
    .limit(bindparam("most"))
)
_NEXT_CALLS = _FIRST_CALLS.where(calls.c.contact_id > bindparam("after"))
_BATCHES = select(*WITHOUT_FROZEN).where(batches.c.id.in_(bindparam("ids", expanding=True)))
_CALLS_BY_ANSWER = (
    select(batches.c.state, batches.c.past, batches.c.code, func.sum(batches.c.calls))
    .where(
        batches.c.interval_id == bindparam("interval"),
        batches.c.calls > 0,
        batches.c.state.not_in(written_out(sorted(WITHOUT_CALLS))),
    )
    .group_by(batches.c.state, batches.c.past, batches.c.code)
)
_OPEN_CALLS = select(func.coalesce(func.sum(batches.c.calls), 0)).where(
    batches.c.interval_id == bindparam("interval"),
    batches.c.state.in_(written_out((BatchState.PENDING, BatchState.UNKNOWN, BatchState.SENDING))),
)
# Whether another plan, perhaps one that was never completed, has planned a rejected contact after all.
_CLAIMED_ELSEWHERE = exists().where(
    calls.c.interval_id == bindparam("interval"),
    calls.c.contact_id == rejects.c.contact_id,
    # A contact that is claimed can only be rejected by the same plan as repeated or bad, never as suppressed.
    or_(rejects.c.status == CallStatus.SUPPRESSED, calls.c.plan_id != rejects.c.plan_id),
)
_REJECTS_BY_STATUS = (
    select(rejects.c.status, func.count())
    .join(intervals, intervals.c.plan_id == rejects.c.plan_id)
    .where(intervals.c.id == bindparam("interval"), ~_CLAIMED_ELSEWHERE)
    .group_by(rejects.c.status)
)
_NEXT_REJECTS = (
    select(rejects, plans.c.run_id)
    .join(plans, plans.c.id == rejects.c.plan_id)
    .where(rejects.c.plan_id == bindparam("plan"), rejects.c.row_number > bindparam("after"), ~_CLAIMED_ELSEWHERE)
    .order_by(rejects.c.row_number)
    .limit(bindparam("most"))
)
