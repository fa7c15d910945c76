"""What people do with held batches: released, closed, accepted by evidence, each once and on record."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import URL, select, update

from ledger.promises import (
    LEASE_SECONDS,
    NOON,
    Clock,
    accepted,
    plan_batches,
    sendable,
    sender,
    settle,
    states,
    take_all,
)
from phonon.api.request import freeze_objects, thaw
from phonon.api.verdict import Past
from phonon.dispatch.settlement import split
from phonon.errors import ConfigurationError, LedgerError
from phonon.ledger.lookups import calls_sent, held_calls, stored_uuids
from phonon.ledger.outbox import Answered, Outcome, erase_settled, recover
from phonon.ledger.report import held_batches, result_rows, totals
from phonon.ledger.schema import batches, calls, decisions
from phonon.ledger.settlements import (
    Case,
    ChangedMeanwhileError,
    Decision,
    Proof,
    Renewal,
    accept,
    cases,
    close,
    frozen_batch,
    held,
    history,
    release,
)
from phonon.ledger.states import BatchState, CallStatus, call_status
from phonon.ledger.store import Ledger

_SILENCE = Answered(sent=True, outcome="unknown", request_id="request-1")
_ASHA = Decision("asha", "asked Phonon", "cli:asha", NOON)
_TOLD = "by asha on 2026-11-24 12:00:00 UTC: asked Phonon"


def hold(ledger: Ledger, *sizes: int) -> int:
    """An interval whose batches were all sent without an answer; gives the interval's id."""
    interval = plan_batches(ledger, sizes)
    taken = take_all(ledger, sendable(ledger, interval))
    settle(ledger, *(Outcome(each, BatchState.HELD, Past.UNANSWERED, "no answer", 1, _SILENCE) for each in taken))
    return interval


def read(ledger: Ledger, *batch_ids: int) -> list[Case]:
    with ledger.transaction(read_only=True) as connection:
        return cases(connection, batch_ids)


def renewed(ledger: Ledger, case: Case) -> Renewal:
    with ledger.transaction(read_only=True) as connection:
        objects = thaw(frozen_batch(connection, case).frozen)
    for call in objects:
        call["start-time"] = "2026-11-24T18:30:00+05:30"
    names = [call["client-identifier"] for call in objects]
    return Renewal(freeze_objects(objects), NOON + 3600, NOON + 7200, {NOON + 3600: names})


def released(ledger: Ledger, case: Case, decision: Decision = _ASHA) -> int:
    renewal = renewed(ledger, case)
    with ledger.transaction() as connection:
        return release(connection, case, renewal, decision)


def closed(ledger: Ledger, case: Case, decision: Decision = _ASHA) -> None:
    with ledger.transaction() as connection:
        close(connection, case, decision)


def proven(ledger: Ledger, case: Case, proofs: dict[str, Proof], decision: Decision = _ASHA) -> int | None:
    with ledger.transaction() as connection:
        return accept(connection, case, proofs, decision)


def rows_of(ledger: Ledger, interval: int) -> dict[str, dict[str, object]]:
    return {row["contact_id"]: row for chunk in result_rows(ledger, interval, chunk_rows=100) for row in chunk}


def recorded(ledger: Ledger) -> list[tuple[object, ...]]:
    names = ("decided_by", "action", "scope", "batch_id", "calls", "note")
    with ledger.transaction(read_only=True) as connection:
        query = select(*(decisions.c[name] for name in names)).order_by(decisions.c.id)
        return [tuple(row) for row in connection.execute(query)]


def test_a_released_batch_becomes_a_new_one_that_was_never_sent(ledger: Ledger) -> None:
    interval = hold(ledger, 3)
    [case] = read(ledger, 1)
    new_id = released(ledger, case)
    [batch] = sendable(ledger, interval)
    assert (batch.id, batch.calls, batch.past, batch.attempts) == (new_id, 3, Past.FIRST, 0)
    assert (batch.starts_at, batch.not_after, batch.code) == (NOON + 3600, NOON + 7200, None)
    assert states(ledger) == {1: "released", new_id: "pending"}
    rows = rows_of(ledger, interval)
    assert {row["status"] for row in rows.values()} == {"pending"}
    assert {row["reason"] for row in rows.values()} == {f"released {_TOLD}"}
    assert {row["start_time"].timestamp() for row in rows.values()} == {NOON + 3600}
    assert {(row["request_id"], row["sent_at"], row["run_id"]) for row in rows.values()} == {
        (None, None, "cli:asha")
    }
    assert recorded(ledger) == [("asha", "release", "trial", 1, 3, "asked Phonon")]


def test_a_closed_batch_stays_shown_as_held_and_waits_for_nobody(ledger: Ledger) -> None:
    interval = hold(ledger, 3)
    closed(ledger, *read(ledger, 1))
    rows = rows_of(ledger, interval)
    assert {(row["status"], row["reason"]) for row in rows.values()} == {("held", f"closed {_TOLD}")}
    with ledger.transaction(read_only=True) as connection:
        assert totals(connection, interval).by_status == {CallStatus.HELD: 3}
        assert held_batches(connection, interval) == held(connection) == []
    assert recorded(ledger) == [("asha", "close", "trial", 1, 3, "asked Phonon")]


def test_a_batch_all_of_whose_calls_are_proven_is_accepted_with_their_ids(ledger: Ledger) -> None:
    interval = hold(ledger, 2)
    proofs = {f"ci-b0c{i}": Proof("theirs", f"uuid-{i}") for i in range(2)}
    assert proven(ledger, *read(ledger, 1), proofs) is None
    shown = [(row["status"], row["request_id"], row["phonon_uuid"]) for row in rows_of(ledger, interval).values()]
    assert shown == [("accepted", "theirs", "uuid-0"), ("accepted", "theirs", "uuid-1")]
    assert states(ledger) == {1: "accepted"}


@pytest.mark.parametrize("past", Past)
def test_a_closed_call_is_shown_as_held_and_a_released_batch_has_none_to_show(past: Past) -> None:
    assert call_status(BatchState.CLOSED, past) is CallStatus.HELD
    with pytest.raises(ValueError, match="released"):
        call_status(BatchState.RELEASED, past)


def test_calls_without_a_proof_stay_held_in_a_batch_of_their_own(ledger: Ledger) -> None:
    interval = hold(ledger, 5)
    rest = proven(ledger, *read(ledger, 1), {"ci-b0c1": Proof(), "ci-b0c3": Proof()})
    assert rest is not None
    [left] = read(ledger, rest)
    assert (left.calls, left.reason, left.request_id) == (3, "no answer", "request-1")
    statuses = {name: row["status"] for name, row in rows_of(ledger, interval).items()}
    assert statuses == {f"b0c{i}": "accepted" if i in {1, 3} else "held" for i in range(5)}
    with ledger.transaction(read_only=True) as connection:
        names = [call["client-identifier"] for call in thaw(frozen_batch(connection, left).frozen)]
        assert calls_sent(connection, [rest]) == {rest: 5}
    assert names == ["ci-b0c0", "ci-b0c2", "ci-b0c4"]


def test_calls_that_went_with_different_requests_show_each_its_own(ledger: Ledger) -> None:
    interval = hold(ledger, 4)
    proofs = {f"ci-b0c{i}": Proof(f"r{i % 2}", f"uuid-{i}") for i in range(3)}
    rest = proven(ledger, *read(ledger, 1), proofs)
    rows = rows_of(ledger, interval)
    shown = {name: (row["status"], row["request_id"], row["phonon_uuid"]) for name, row in rows.items()}
    assert shown == {
        "b0c0": ("accepted", "r0", "uuid-0"),
        "b0c1": ("accepted", "r1", "uuid-1"),
        "b0c2": ("accepted", "r0", "uuid-2"),
        "b0c3": ("held", "request-1", None),
    }
    assert recorded(ledger) == [("asha", "accept", "trial", 1, 3, "asked Phonon")]
    with ledger.transaction(read_only=True) as connection:
        assert stored_uuids(connection, [rest or 0]) == {"uuid-0": "ci-b0c0", "uuid-2": "ci-b0c2"}


@pytest.mark.parametrize("second", ["release", "close", "accept"])
@pytest.mark.parametrize("first", ["release", "close", "accept"])
def test_of_two_decisions_about_the_same_reading_only_the_first_counts(
    ledger: Ledger, first: str, second: str
) -> None:
    hold(ledger, 2)
    [case] = read(ledger, 1)
    renewal = renewed(ledger, case)

    def decide(what: str, by: str) -> None:
        decision = Decision(by, "", f"cli:{by}", NOON)
        with ledger.transaction() as connection:
            if what == "release":
                release(connection, case, renewal, decision)
            elif what == "close":
                close(connection, case, decision)
            else:
                accept(connection, case, {"ci-b0c0": Proof()}, decision)

    decide(first, "asha")
    before = states(ledger), rows_of(ledger, 1)
    with pytest.raises(ChangedMeanwhileError, match="Batch 1 was changed by somebody else"):
        decide(second, "ravi")
    assert (states(ledger), rows_of(ledger, 1)) == before
    assert [row[:2] for row in recorded(ledger)] == [("asha", first)]


def test_of_people_who_settle_the_same_batches_at_once_exactly_one_wins(ledger_url: URL) -> None:
    ledger = Ledger(ledger_url)
    hold(ledger, 2, 2, 2)
    gate = Barrier(4)

    def settle_all(number: int) -> bool:
        mine = Ledger(ledger_url)
        try:
            found = read(mine, 1, 2, 3)
            renewals = [renewed(mine, case) for case in found]
            gate.wait(30)
            with mine.transaction() as connection:
                for case, renewal in zip(found, renewals, strict=True):
                    decision = Decision(f"person-{number}", "", f"cli:{number}", NOON)
                    if number % 2:
                        close(connection, case, decision)
                    else:
                        release(connection, case, renewal, decision)
        except ChangedMeanwhileError:
            return False
        finally:
            mine.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(settle_all, range(4)))
    assert won.count(True) == 1
    assert [row[0] for row in recorded(ledger)] == [f"person-{won.index(True)}"] * 3
    ledger.close()


def test_a_sender_that_answers_after_a_release_records_nothing_but_its_send(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [3])
    [batch] = sendable(ledger, interval)
    take_all(ledger, [batch], by=sender(owner="elsewhere/1/1"))
    clock.seconds += LEASE_SECONDS
    with ledger.transaction() as connection:
        recover(connection, interval, run_id="run-2", now=clock.seconds)
    [unknown] = sendable(ledger, interval)
    settle(ledger, Outcome(unknown, BatchState.HELD, Past.UNANSWERED, "unknown", 1))
    new_id = released(ledger, *read(ledger, batch.id))
    late = accepted(batch)
    assert settle(ledger, late) == [late]
    assert states(ledger) == {batch.id: "released", new_id: "pending"}
    with ledger.transaction(read_only=True) as connection:
        told = history(connection, batch.id)
    assert [(send.code, send.outcome) for send in told.sends] == [(200, "accepted")], "the person can see it came"


@pytest.mark.parametrize(
    ("state", "past", "text"),
    [
        (
            BatchState.UNKNOWN,
            Past.UNANSWERED,
            "Batch 1 is unknown, not held: running campaign 'trial' again",
        ),
        (BatchState.SENDING, Past.FIRST, "Batch 1 is sending, not held"),
        (BatchState.PENDING, Past.DOUBTFUL, "Batch 1 is pending, not held"),
        (BatchState.ACCEPTED, Past.FIRST, "Batch 1 is accepted already"),
        (BatchState.RELEASED, Past.UNANSWERED, "Batch 1 is released already"),
        (BatchState.CLOSED, Past.UNANSWERED, "Batch 1 is closed already"),
    ],
)
def test_only_held_batches_can_be_settled(ledger: Ledger, state: BatchState, past: Past, text: str) -> None:
    hold(ledger, 1, 1)
    with ledger.transaction() as connection:
        connection.execute(update(batches).where(batches.c.id == 1).values(state=state, past=past))
    with pytest.raises(ConfigurationError, match=text):
        read(ledger, 1, 2)


def test_a_batch_that_is_not_there_is_named(ledger: Ledger) -> None:
    hold(ledger, 1)
    with pytest.raises(ConfigurationError, match=r"no batch 7 in this ledger\. There is no batch 9"):
        read(ledger, 9, 1, 7)
    with ledger.transaction(read_only=True) as connection, pytest.raises(ConfigurationError, match="no batch 7"):
        history(connection, 7)


def test_what_waits_is_listed_by_campaign_with_whom_it_waits_for(ledger: Ledger) -> None:
    hold(ledger, 2, 3, 4, 5)
    with ledger.transaction() as connection:
        for number, state in ((2, BatchState.UNKNOWN), (3, BatchState.ACCEPTED)):
            connection.execute(update(batches).where(batches.c.id == number).values(state=state))
        found = held(connection)
        assert [(case.batch_id, case.calls, case.is_held) for case in found] == [
            (1, 2, True),
            (2, 3, False),
            (4, 5, True),
        ]
        assert held(connection, "trial") == found
        assert held(connection, "another") == []
        assert held_calls(connection, ["ci-b0c1", "ci-b1c0", "ci-b3c4", "strange"]) == {
            1: ["ci-b0c1"],
            4: ["ci-b3c4"],
        }


def test_the_history_goes_back_to_the_batches_it_was_made_from(ledger: Ledger, clock: Clock) -> None:
    hold(ledger, 4)
    first = proven(ledger, *read(ledger, 1), {"ci-b0c0": Proof()})
    assert first is not None
    clock.seconds += 60
    second = released(ledger, *read(ledger, first), Decision("ravi", "not received", "cli:ravi", clock.seconds))
    with ledger.transaction(read_only=True) as connection:
        told = history(connection, second)
        origin = history(connection, 1)
    assert (told.made_from, told.made_into, told.case.state) == ([1, first], [], BatchState.PENDING)
    assert [(send.batch_id, send.calls, send.outcome, send.http_status) for send in told.sends] == [
        (1, 4, "unknown", None)
    ]
    assert [(each.batch_id, each.by, each.action, each.calls) for each in told.decisions] == [
        (1, "asha", "accept", 1),
        (first, "ravi", "release", 3),
    ]
    assert origin.made_into == [first]


def test_a_renewal_that_leaves_out_a_call_or_names_another_changes_nothing(ledger: Ledger) -> None:
    hold(ledger, 2, 2)
    [case] = read(ledger, 1)
    renewal = renewed(ledger, read(ledger, 2)[0])
    with pytest.raises(LedgerError, match="does not hold the calls"), ledger.transaction() as connection:
        release(connection, case, renewal, _ASHA)
    assert states(ledger) == {1: "held", 2: "held"}
    assert recorded(ledger) == []


def test_the_numbers_of_a_batch_that_was_split_are_erased_as_well(ledger: Ledger, clock: Clock) -> None:
    [batch] = sendable(ledger, plan_batches(ledger, [4]))
    take_all(ledger, [batch])
    answered = Answered(sent=True, outcome="split", http_status=200, code=205)
    settle(ledger, split(batch, "some call is bad", answered))
    clock.seconds += 100
    assert _kept(ledger, before=clock.seconds) == [BatchState.PENDING] * 2


def test_the_numbers_of_released_and_closed_batches_are_erased_in_time(ledger: Ledger, clock: Clock) -> None:
    hold(ledger, 1, 1, 1)
    released(ledger, *read(ledger, 1))
    closed(ledger, *read(ledger, 2))
    assert _kept(ledger, before=NOON) == ["released", "closed", "held", "pending"]
    assert _kept(ledger, before=NOON + 1) == ["held", "pending"]


def _kept(ledger: Ledger, *, before: float) -> Sequence[str]:
    """The states of the batches that still have their numbers."""
    with ledger.transaction() as connection:
        erase_settled(connection, before=before)
        query = select(batches.c.state).where(batches.c.frozen.is_not(None)).order_by(batches.c.id)
        return connection.execute(query).scalars().all()


def test_every_call_is_in_one_batch_whatever_was_decided(ledger: Ledger) -> None:
    hold(ledger, 3, 3, 3)
    released(ledger, *read(ledger, 1))
    proven(ledger, *read(ledger, 2), {"ci-b1c0": Proof("r")})
    closed(ledger, *read(ledger, 3))
    with ledger.transaction(read_only=True) as connection:
        for batch_id, said in connection.execute(select(batches.c.id, batches.c.calls)):
            found = connection.execute(select(calls.c.contact_id).where(calls.c.batch_id == batch_id)).all()
            assert len(found) == said
