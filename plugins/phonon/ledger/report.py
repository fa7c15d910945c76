"""Reading the ledger: what became of every contact of an interval, and of a run."""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, exists, func, or_, select, text

from phonon.api.verdict import Past
from phonon.grouped_rows import GroupedRows
from phonon.ledger.budget import WINDOW_SECONDS
from phonon.ledger.members import written_out
from phonon.ledger.schema import batches, calls, intervals, plans, rejects, sends
from phonon.ledger.states import SETTLED, WITHOUT_CALLS, BatchState, CallStatus, call_status
from phonon.ledger.store import Ledger

SHOWN_WITH_ANSWER = frozenset(
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


def result_rows(ledger: Ledger, interval_id: int, *, chunk_rows: int) -> Generator[GroupedRows, None, None]:
    """The rows of the results table for an interval, those of a batch together; times are aware datetimes in UTC.

    All are as they were at one moment: read batch by batch otherwise, a call that moves to another batch meanwhile
    would be there twice. Nobody waits for who only reads, on SQLite (in WAL mode) and PostgreSQL alike.

    :param chunk_rows: rows at most in what is yielded at a time, but for a batch that alone has more.
    """
    with ledger.transaction(read_only=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(_ONE_MOMENT)
        interval = connection.execute(_INTERVAL, {"interval": interval_id}).one()
        common = {"campaign": interval.campaign, "interval_key": interval.interval_key}
        for ids in _chunks_of_batches(connection, interval_id, chunk_rows):
            rows = connection.execute(_CALLS_OF_BATCHES, {"ids": ids}).all()
            if rows:
                yield _call_rows(rows, common, _batches(connection, ids))
        if interval.plan_id is not None:
            yield from _reject_rows(connection, interval, common, chunk_rows)


def totals(connection: Connection, interval_id: int) -> Totals:
    """Count an interval's contacts as the results table shows them."""
    by_status: Counter[CallStatus] = Counter()
    by_code: Counter[int] = Counter()
    for state, past, code, count in connection.execute(_CALLS_BY_ANSWER, {"interval": interval_id}):
        status = call_status(BatchState(state), Past(past))
        by_status[status] += int(count)
        if code is not None and status in SHOWN_WITH_ANSWER:
            by_code[code] += int(count)
    for status, count in connection.execute(REJECTS_BY_STATUS, {"interval": interval_id}):
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


def _chunks_of_batches(connection: Connection, interval_id: int, chunk_rows: int) -> Iterator[list[int]]:
    """The interval's batches, as many at a time as have so many calls together."""
    ids, sizes = array("q"), array("q")
    found = connection.execute(_SIZES, {"interval": interval_id}, execution_options={"yield_per": chunk_rows})
    for batch_id, calls_of_batch in found:
        ids.append(batch_id)
        # One that was split takes room too: a statement has only so many parameters.
        sizes.append(max(calls_of_batch, 1))
    chunk: list[int] = []
    room = chunk_rows
    for batch_id, size in zip(ids, sizes, strict=True):
        if chunk and size > room:
            yield chunk
            chunk, room = [], chunk_rows
        chunk.append(batch_id)
        room -= size
    if chunk:
        yield chunk


def _batches(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Row[Any], Mapping[str, str]]]:
    """Batches, each with the phonon-uuids of its calls."""
    return {
        row.id: (row, orjson.loads(zlib.decompress(row.phonon_uuids)) if row.phonon_uuids else {})
        for row in connection.execute(_BATCHES, {"ids": ids})
    }


def _call_rows(
    rows: Sequence[Any],
    common: Mapping[str, str],
    found: Mapping[int, tuple[Row[Any], Mapping[str, str]]],
) -> GroupedRows:
    """Calls, those of a batch after another, as rows of the results table."""
    contacts, names, last4, moments, batch_ids = (list(map(itemgetter(place), rows)) for place in range(5))
    counts = Counter(batch_ids)
    uuids: list[str | None] = []
    for batch_id, count in counts.items():
        said = found[batch_id][1]
        uuids += [said.get(name) or None for name in names[len(uuids) : len(uuids) + count]]
    starts = {at: _datetime(at) for at in set(moments)}
    return GroupedRows(
        list(counts.values()),
        _by_column([{**common, **_batch_row(found[batch_id][0])} for batch_id in counts]),
        {
            "contact_id": contacts,
            "client_identifier": names,
            "number_last4": last4,
            "phonon_uuid": uuids,
            "start_time": [starts[at] for at in moments],
        },
    )


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
    connection: Connection, interval: Row[Any], common: Mapping[str, str], chunk_rows: int
) -> Iterator[GroupedRows]:
    after = -1
    while True:
        key = {"plan": interval.plan_id, "interval": interval.id, "after": after, "most": chunk_rows}
        rows = connection.execute(_NEXT_REJECTS, key).all()
        if not rows:
            return
        names = ("run_id", "contact_id", "status", "reason", "number_last4")
        own = {name: [getattr(row, name) for row in rows] for name in names}
        yield GroupedRows([len(rows)], _by_column([common]), own)
        after = rows[-1].row_number


def _by_column(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [record[name] for record in records] for name in records[0]}


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
_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_SIZES = (
    select(batches.c.id, batches.c.calls)
    .where(batches.c.interval_id == bindparam("interval"))
    .order_by(batches.c.id)
)
_CALLS_OF_BATCHES = (
    select(*_SHOWN_OF_CALL).where(calls.c.batch_id.in_(bindparam("ids", expanding=True))).order_by(calls.c.batch_id)
)
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
CLAIMED_ELSEWHERE = exists().where(
    calls.c.interval_id == bindparam("interval"),
    calls.c.contact_id == rejects.c.contact_id,
    # A contact that is claimed can only be rejected by the same plan as repeated or bad, never by a rule.
    or_(rejects.c.status != CallStatus.INVALID, calls.c.plan_id != rejects.c.plan_id),
)
REJECTS_BY_STATUS = (
    select(rejects.c.status, func.count())
    .join(intervals, intervals.c.plan_id == rejects.c.plan_id)
    .where(intervals.c.id == bindparam("interval"), ~CLAIMED_ELSEWHERE)
    .group_by(rejects.c.status)
)
_NEXT_REJECTS = (
    select(rejects, plans.c.run_id)
    .join(plans, plans.c.id == rejects.c.plan_id)
    .where(rejects.c.plan_id == bindparam("plan"), rejects.c.row_number > bindparam("after"), ~CLAIMED_ELSEWHERE)
    .order_by(rejects.c.row_number)
    .limit(bindparam("most"))
)
