"""Small plans, batches and senders for tests of the ledger, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from phonon.api.endpoints import Endpoint
from phonon.api.request import encode_call, encode_start_time, freeze
from phonon.api.verdict import Past
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import NewBatch, NewCall, Plan, add_batch, begin_plan, finish_plan
from phonon.ledger.outbox import Answered, Batch, Envelope, Outcome, Sender, candidates, record, take
from phonon.ledger.owner import this_process
from phonon.ledger.schema import batches
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
LIMIT = RateLimit(Endpoint.BULK, "account", 600)
LEASE_SECONDS = 90.0
ACCEPTED = Answered(sent=True, outcome="accepted", http_status=200, code=200, message="Success", request_id="r")


@dataclass
class Clock:
    """Seconds since the epoch that only the test moves."""

    seconds: float = NOON

    def __call__(self) -> float:
        return self.seconds


def sender(run_id: str = "run-1", *, owner: str | None = None) -> Sender:
    return Sender(run_id, this_process() if owner is None else owner, LEASE_SECONDS)


def new_plan(connection: Connection, run_id: str = "run-1", *, campaign: str = "trial", key: str = "day 1") -> Plan:
    return begin_plan(connection, campaign=campaign, interval_key=key, run_id=run_id, now=NOON)


def new_batch(
    contact_ids: Sequence[str],
    *,
    endpoint: Endpoint = Endpoint.BULK,
    starts_at: float = NOON,
    number_hashes: Sequence[int] = (),
) -> NewBatch:
    start = encode_start_time(datetime.fromtimestamp(starts_at, UTC))
    calls = [encode_call(f"ci-{contact_id}", start, ["919999900000"], []) for contact_id in contact_ids]
    claims = [NewCall(each, f"ci-{each}", "0000", starts_at, number_hashes) for each in contact_ids]
    return NewBatch(endpoint, "1.0", "abcdEF12", freeze(calls), starts_at + 36_000, claims)


def plan_batches(ledger: Ledger, sizes: Sequence[int], *, run_id: str = "run-1") -> int:
    """Plan batches of these sizes with contacts ``b0c0, b0c1, b1c0 ...``; gives the interval's id."""
    with ledger.transaction() as connection:
        plan = new_plan(connection, run_id)
        for number, size in enumerate(sizes):
            add_batch(connection, plan, new_batch([f"b{number}c{i}" for i in range(size)]), NOON)
        finish_plan(connection, plan, rows_read=sum(sizes), planned=sum(sizes), now=NOON)
    return plan.interval_id


def sendable(ledger: Ledger, interval_id: int) -> list[Batch]:
    with ledger.transaction(read_only=True) as connection:
        return candidates(connection, interval_id, now=ledger.now(connection), most=1000)


def take_all(
    ledger: Ledger, found: Sequence[Batch], *, by: Sender | None = None, limit: RateLimit = LIMIT
) -> Sequence[Batch]:
    with ledger.transaction() as connection:
        envelopes = [Envelope(batch, "sha", 100) for batch in found]
        return take(connection, envelopes, sender=by or sender(), limit=limit, now=ledger.now(connection)).taken


def settle(ledger: Ledger, *outcomes: Outcome, run_id: str = "run-1") -> list[Outcome]:
    with ledger.transaction() as connection:
        return record(connection, outcomes, run_id=run_id, now=ledger.now(connection))


def accepted(batch: Batch) -> Outcome:
    return Outcome(batch, BatchState.ACCEPTED, batch.past, None, batch.attempts + 1, ACCEPTED)


def refused_whole(batch: Batch) -> Outcome:
    answered = Answered(sent=True, outcome="top up", http_status=200, code=212)
    return Outcome(batch, BatchState.PENDING, Past.REFUSED, "no balance", batch.attempts + 1, answered)


def states(ledger: Ledger) -> dict[int, str]:
    with ledger.transaction(read_only=True) as connection:
        return {row.id: row.state for row in connection.execute(select(batches.c.id, batches.c.state))}
