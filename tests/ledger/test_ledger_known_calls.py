from __future__ import annotations

import pytest
from sqlalchemy import select

from ledger.promises import accepted, new_batch, new_plan, plan_batches, sendable, settle, states, take_all
from phonon.api.verdict import Past
from phonon.ledger.claims import KnownAnswer, NewBatch, add_batch
from phonon.ledger.known_calls import any_noted, note, noted
from phonon.ledger.outbox import Answered, Outcome
from phonon.ledger.report import result_rows
from phonon.ledger.schema import batches, decisions
from phonon.ledger.settlements import Decision, Proof, hold_open, open_batches
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger

DECISION = Decision("asha", "disk broken", "cli:asha", 1_790_000_000.0)
REASON = "the ledger was restored by asha on 2026-09-21 14:13:20 UTC: it may have been sent since"


def _hold_open(ledger: Ledger) -> dict[int, int]:
    with ledger.transaction() as connection:
        return hold_open(connection, DECISION)


def _note(ledger: Ledger, *names: str) -> int:
    with ledger.transaction() as connection:
        return note(connection, {name: Proof("request", f"uuid of {name}") for name in names}, DECISION)


def test_calls_are_noted_once_and_keep_what_was_noted_first(ledger: Ledger) -> None:
    with ledger.transaction(read_only=True) as connection:
        assert not any_noted(connection)
    assert _note(ledger, "a", "b") == 2
    with ledger.transaction() as connection:
        assert note(connection, {"b": Proof(), "c": Proof()}, DECISION) == 1
        assert note(connection, {}, DECISION) == 0
    with ledger.transaction(read_only=True) as connection:
        assert any_noted(connection)
        found = noted(connection, ["a", "b", "c", "d"])
        told = connection.execute(select(decisions.c.action, decisions.c.scope, decisions.c.calls)).all()
    assert found.keys() == {"a", "b", "c"}
    assert (found["b"].request_id, found["b"].phonon_uuid) == ("request", "uuid of b")
    assert (found["c"].request_id, found["c"].phonon_uuid) == (None, None)
    assert (found["c"].noted_by, found["c"].noted_at) == ("asha", DECISION.at)
    assert told == [("remember", "*", 2), ("remember", "*", 1)]


def test_a_hundred_thousand_calls_are_noted_and_found(ledger: Ledger) -> None:
    names = [f"campaign-{i:040x}" for i in range(100_000)]
    assert _note(ledger, *names) == 100_000
    with ledger.transaction(read_only=True) as connection:
        assert len(noted(connection, names[::2])) == 50_000


@pytest.mark.parametrize(
    ("state", "past", "after"),
    [
        (BatchState.PENDING, Past.REFUSED, Past.MIXED),
        (BatchState.PENDING, Past.DOUBTFUL, Past.MIXED),
        (BatchState.UNKNOWN, Past.UNANSWERED, Past.UNANSWERED),
        (BatchState.UNKNOWN, Past.MIXED, Past.MIXED),
    ],
)
def test_a_batch_that_can_be_sent_is_held_as_after_a_silent_send(
    ledger: Ledger, state: BatchState, past: Past, after: Past
) -> None:
    [batch] = take_all(ledger, sendable(ledger, plan_batches(ledger, [3])))
    settle(ledger, Outcome(batch, state, past, None, 1, Answered(sent=True, outcome="")))
    assert _hold_open(ledger) == {1: 3}
    with ledger.transaction(read_only=True) as connection:
        row = connection.execute(select(batches)).one()
    assert (row.state, row.past, row.reason, row.run_id) == ("held", after, REASON, "cli:asha")


def test_what_was_never_sent_or_is_being_sent_is_held_and_what_is_settled_stays(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [1, 2, 3])
    sent, flying, _ = sendable(ledger, interval)
    [sent, flying] = take_all(ledger, [sent, flying])
    settle(ledger, accepted(sent))
    with ledger.transaction(read_only=True) as connection:
        assert open_batches(connection) == (2, 5)
    assert _hold_open(ledger) == {2: 2, 3: 3}
    assert states(ledger) == {1: "accepted", 2: "held", 3: "held"}
    assert not sendable(ledger, interval)
    with ledger.transaction(read_only=True) as connection:
        pasts = connection.execute(select(batches.c.past, batches.c.lease_until).order_by(batches.c.id)).all()
        told = connection.execute(select(decisions.c.action, decisions.c.scope, decisions.c.batch_id)).all()
        assert open_batches(connection) == (0, 0)
    assert pasts[1:] == [("unanswered", None), ("unanswered", None)]
    assert told == [("hold", "trial", 2), ("hold", "trial", 3)]
    assert _hold_open(ledger) == {}


def test_a_sender_of_the_forgotten_time_records_nothing(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [1])
    [before] = sendable(ledger, interval)
    [taken] = take_all(ledger, [before])
    settle(ledger, Outcome(taken, BatchState.PENDING, Past.REFUSED, "", 1, Answered(sent=True, outcome="")))
    [flying] = take_all(ledger, sendable(ledger, interval))
    with ledger.transaction() as connection:  # the backup is of the time before all that
        connection.execute(batches.update().values(state="pending", past="first", fence=before.fence))
    _hold_open(ledger)
    assert len(settle(ledger, accepted(taken), accepted(flying))) == 2
    assert states(ledger) == {1: "held"}


def test_a_batch_with_an_answer_is_accepted_from_the_start(ledger: Ledger) -> None:
    new = new_batch(["a", "b"])
    answer = KnownAnswer("in a report", "request", {"ci-a": "uuid-a"})
    with ledger.transaction() as connection:
        plan = new_plan(connection)
        known = NewBatch(new.endpoint, new.api_version, new.flow_id, new.frozen, new.not_after, new.calls, answer)
        add_batch(connection, plan, known, ledger.now(connection))
    assert not sendable(ledger, plan.interval_id)
    [rows] = result_rows(ledger, plan.interval_id, chunk_rows=10)
    assert [(row["status"], row["reason"], row["request_id"], row["sent_at"]) for row in rows] == [
        ("accepted", "in a report", "request", None)
    ] * 2
    assert [row["phonon_uuid"] for row in rows] == ["uuid-a", None]
