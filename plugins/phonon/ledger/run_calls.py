"""The calls that one run has sent, over all its tries and senders."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from phonon.ledger.schema import batches, sends
from phonon.ledger.states import BatchState


@dataclass(frozen=True)
class RunCalls:
    """What a run has sent. ``batches``: ids of the batches that it took, and of those that were made of them."""

    calls: int
    batches: AbstractSet[int]


def calls_of_run(connection: Connection, interval_id: int, run_id: str) -> RunCalls:
    """Count the calls of an interval that a run has sent, each once, however often and in how many parts it was."""
    key = {"interval": interval_id}
    sent = {row.batch_id: row.calls for row in connection.execute(_SENT, {**key, "run": run_id})}
    if not sent:
        return RunCalls(0, frozenset())
    parts: set[int] = set()
    for batch_id, parent_id in connection.execute(_PARTS, key):
        if parent_id in sent or parent_id in parts:
            parts.add(batch_id)
    calls = sum(calls for batch_id, calls in sent.items() if batch_id not in parts)
    return RunCalls(calls, sent.keys() | parts)


# Made once: to build a statement takes the ledger longer than to carry it out.
_SENT = (
    select(sends.c.batch_id, func.max(sends.c.calls).label("calls"))
    .join(batches, batches.c.id == sends.c.batch_id)
    .where(batches.c.interval_id == bindparam("interval"), sends.c.run_id == bindparam("run"))
    .group_by(sends.c.batch_id)
)
_PARTS = (
    select(batches.c.id, batches.c.parent_id)
    .where(batches.c.interval_id == bindparam("interval"), batches.c.parent_id.is_not(None))
    .order_by(batches.c.id)  # parents before their parts
)


def earliest_start(connection: Connection, interval_id: int) -> float | None:
    """Return when the first of an interval's unsent calls starts, in seconds since the epoch; None without any."""
    first: float | None = connection.execute(
        select(func.min(batches.c.starts_at)).where(
            batches.c.interval_id == interval_id, batches.c.state == BatchState.PENDING
        )
    ).scalar_one()
    return first
