from __future__ import annotations

from collections import Counter
from contextlib import closing

import pytest
from sqlalchemy import func, select, update

from ledger.promises import NOON, Clock, accepted, new_batch, new_plan, plan_batches, sendable, settle, take_all
from phonon.api.verdict import Past
from phonon.ledger import claims
from phonon.ledger.claims import Reject
from phonon.ledger.outbox import Answered, Outcome
from phonon.ledger.report import held_batches, open_calls, result_rows, run_figures, totals
from phonon.ledger.schema import batches, calls
from phonon.ledger.states import BatchState, CallStatus, call_status
from phonon.ledger.store import Ledger

_MAYBE = {Past.ACCEPTED, Past.DOUBTFUL, Past.UNANSWERED, Past.MIXED}
_STATUS = {
    BatchState.SENDING: "held",
    BatchState.UNKNOWN: "held",
    BatchState.ACCEPTED: "accepted",
    BatchState.ACCEPTED_EARLIER: "accepted_earlier",
    BatchState.REFUSED: "refused",
    BatchState.HELD: "held",
    BatchState.EXPIRED: "expired",
}
_SHOWN = [(state, past, status) for state, status in _STATUS.items() for past in Past] + [
    (BatchState.PENDING, past, "held" if past in _MAYBE else "pending") for past in Past
]


@pytest.mark.parametrize(("state", "past", "status"), _SHOWN)
def test_a_call_is_shown_as(state: BatchState, past: Past, status: str) -> None:
    assert call_status(state, past) == status


@pytest.mark.parametrize("past", Past)
def test_a_batch_that_was_split_has_no_status(past: Past) -> None:
    with pytest.raises(ValueError, match="split"):
        call_status(BatchState.SPLIT, past)


def _every_kind(ledger: Ledger) -> int:
    """An interval with a batch in each shown state, and rejects."""
    with ledger.transaction() as connection:
        plan = new_plan(connection)
        for number, (state, past, _) in enumerate(_SHOWN):
            names = [f"{number:02} {i}" for i in range(number % 3 + 1)]
            batch_id = claims.add_batch(connection, plan, new_batch(names), NOON)
            connection.execute(
                update(batches)
                .where(batches.c.id == batch_id)
                .values(state=state, past=past, code=200 + number % 2)
            )
        bad = [Reject(i, None, CallStatus.INVALID, "contact_id: missing") for i in range(4)]
        claims.add_rejects(connection, plan, [*bad, Reject(9, "zz", CallStatus.SUPPRESSED, "dry run")])
        claims.finish_plan(connection, plan, rows_read=10, planned=5, now=NOON)
    return plan.interval_id


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 1000])
def test_the_rows_are_the_same_in_chunks_of_any_size(ledger: Ledger, chunk_rows: int) -> None:
    interval = _every_kind(ledger)
    whole = [row for chunk in result_rows(ledger, interval, chunk_rows=100_000) for row in chunk]
    chunks = list(result_rows(ledger, interval, chunk_rows=chunk_rows))
    assert [row for chunk in chunks for row in chunk] == whole
    assert all(len(chunk) <= chunk_rows or len(chunk.counts) == 1 for chunk in chunks)


def test_a_call_that_moves_to_another_batch_meanwhile_is_shown_once(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [3, 3])
    with closing(result_rows(ledger, interval, chunk_rows=3)) as chunks:
        before = list(next(chunks))
        with ledger.transaction() as connection:
            [newest] = connection.execute(select(func.max(batches.c.id))).scalars()
            connection.execute(update(calls).values(batch_id=newest))
        rows = before + [row for chunk in chunks for row in chunk]
    assert len({row["contact_id"] for row in rows}) == len(rows) == 6
    assert len({row["batch_id"] for row in rows}) == 2


def test_the_totals_are_those_of_the_rows(ledger: Ledger) -> None:
    interval = _every_kind(ledger)
    rows = [row for chunk in result_rows(ledger, interval, chunk_rows=50) for row in chunk]
    with ledger.transaction(read_only=True) as connection:
        counted = totals(connection, interval)
        held = held_batches(connection, interval)
    assert counted.by_status == Counter(CallStatus(row["status"]) for row in rows)
    with_code = [row["api_code"] for row in rows if row.get("api_code") and row["status"] != "expired"]
    assert counted.by_code == Counter(with_code)
    assert sum(batch.calls for batch in held) == counted.by_status[CallStatus.HELD]


def test_a_call_carries_what_phonon_said_of_it(ledger: Ledger) -> None:
    [batch] = sendable(ledger, plan_batches(ledger, [2]))
    take_all(ledger, [batch])
    said = Answered(
        sent=True,
        outcome="accepted",
        http_status=200,
        code=200,
        message="Success",
        request_id="request",
        phonon_uuids={"ci-b0c0": "uuid", "ci-b0c1": ""},
    )
    settle(ledger, Outcome(batch, BatchState.ACCEPTED, Past.FIRST, None, 1, said))
    [[first, second]] = result_rows(ledger, 1, chunk_rows=10)
    shown = {name: first[name] for name in ("status", "api_code", "api_message", "request_id", "phonon_uuid")}
    assert shown == {
        "status": "accepted",
        "api_code": 200,
        "api_message": "Success",
        "request_id": "request",
        "phonon_uuid": "uuid",
    }
    assert second["phonon_uuid"] is None


def test_a_run_is_told_its_own_sends_and_its_fullest_minute(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [5, 5, 5])
    for seconds, batch in zip((0, 30, 80), sendable(ledger, interval), strict=True):
        clock.seconds = NOON + seconds
        take_all(ledger, [batch])
        settle(ledger, accepted(batch))
    with ledger.transaction(read_only=True) as connection:
        figures = run_figures(connection, interval, "run-1")
        other = run_figures(connection, interval, "run-2")
    assert (figures.planned, figures.requests, figures.seconds, figures.highest_in_any_minute) == (15, 3, 80, 10)
    assert (other.requests, other.first_sent_at, other.highest_in_any_minute) == (0, None, 0)


def test_settled_and_held_calls_are_not_open(ledger: Ledger) -> None:
    interval = _every_kind(ledger)
    open_states = {BatchState.PENDING, BatchState.SENDING, BatchState.UNKNOWN}
    expected = sum(number % 3 + 1 for number, (state, _, _) in enumerate(_SHOWN) if state in open_states)
    with ledger.transaction(read_only=True) as connection:
        assert open_calls(connection, interval) == expected
