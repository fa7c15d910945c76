"""The do-not-call list, and what becomes of calls that were planned before their number was put on it."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from ledger.promises import (
    NOON,
    Clock,
    accepted,
    new_plan,
    refused_whole,
    sendable,
    sender,
    settle,
    states,
    take_all,
)
from phonon.api.endpoints import Endpoint
from phonon.api.request import encode_call, encode_start_time, freeze, thaw
from phonon.api.verdict import Past
from phonon.ledger import do_not_call
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import NewBatch, NewCall, add_batch, count_uses, finish_plan
from phonon.ledger.outbox import Answered, Outcome
from phonon.ledger.report import result_rows, totals
from phonon.ledger.schema import batches, decisions
from phonon.ledger.settlements import Decision
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import Withdrawal, withdraw_listed

LIMIT = RateLimit(Endpoint.BULK, "account", 1_000_000)
DECISION = Decision("asha", "asked by letter", "cli:asha", NOON)


def number(i: int) -> str:
    return f"9199999{i:05}"


def put(ledger: Ledger, *numbers: str, by: str = "asha", note: str = "asked by letter") -> int:
    hashes = [ledger.number_hash(each) for each in numbers]
    with ledger.transaction() as connection:
        return do_not_call.add(connection, hashes, by=by, note=note, now=ledger.now(connection))


def off(ledger: Ledger, *numbers: str) -> int:
    hashes = [ledger.number_hash(each) for each in numbers]
    with ledger.transaction() as connection:
        return do_not_call.remove(connection, hashes, by="asha", note="changed their mind", now=NOON)


def plan(
    ledger: Ledger,
    *groups: Mapping[str, Sequence[str]],
    run_id: str = "run-1",
    meanwhile: Callable[[], object] = lambda: None,
) -> int:
    """Plan a batch for each group of contacts with their numbers; gives the interval's id.

    ``meanwhile`` happens when the calls are planned, and the query has not come to its end.
    """
    start = encode_start_time(datetime.fromtimestamp(NOON, UTC))
    with ledger.transaction() as connection:
        made = new_plan(connection, run_id)
        for group in groups:
            calls = [encode_call(f"ci-{name}", start, numbers, []) for name, numbers in group.items()]
            claims = [
                NewCall(name, f"ci-{name}", numbers[0][-4:], NOON, [ledger.number_hash(each) for each in numbers])
                for name, numbers in group.items()
            ]
            batch = NewBatch(Endpoint.BULK, "1.0", "abcdEF12", freeze(calls), NOON + 36_000, claims)
            add_batch(connection, made, batch, NOON)
    meanwhile()
    with ledger.transaction() as connection:
        count = sum(map(len, groups))
        finish_plan(connection, made, rows_read=count, planned=count, now=NOON)
    return made.interval_id


def rows(ledger: Ledger, interval: int) -> dict[str, dict[str, Any]]:
    found = [row for chunk in result_rows(ledger, interval, chunk_rows=100) for row in chunk]
    by_contact = {row["contact_id"]: row for row in found}
    assert len(by_contact) == len(found), "a contact is shown twice"
    with ledger.transaction(read_only=True) as connection:
        counted = totals(connection, interval).by_status
    assert Counter(row["status"] for row in found) == {status.value: n for status, n in counted.items() if n}
    return by_contact


def told(ledger: Ledger, interval: int) -> dict[str, tuple[str, str | None]]:
    return {name: (row["status"], row["reason"]) for name, row in rows(ledger, interval).items()}


def numbers_to_send(ledger: Ledger, interval: int) -> dict[str, list[str]]:
    found = [call for batch in sendable(ledger, interval) for call in thaw(batch.frozen)]
    return {call["client-identifier"].removeprefix("ci-"): call["contact-numbers"] for call in found}


def uses(ledger: Ledger, *numbers: str) -> list[int]:
    hashes = [ledger.number_hash(each) for each in numbers]
    with ledger.transaction(read_only=True) as connection:
        found = count_uses(connection, "trial", hashes, NOON)
    return [found.get(each, 0) for each in hashes]


def test_numbers_are_put_on_the_list_and_taken_off(ledger: Ledger) -> None:
    with ledger.transaction(read_only=True) as connection:
        assert do_not_call.is_empty(connection)
    assert put(ledger, number(1), number(2)) == 2
    first, third = ledger.number_hash(number(1)), ledger.number_hash(number(3))
    with ledger.transaction(read_only=True) as connection:
        assert not do_not_call.is_empty(connection)
        assert do_not_call.count(connection) == 2
        assert do_not_call.listed(connection, [first, third]) == {first}
    assert off(ledger, number(1), number(3)) == 1
    with ledger.transaction(read_only=True) as connection:
        assert do_not_call.listed(connection, [first, third]) == set()
        assert do_not_call.count(connection) == 1


def test_a_number_that_is_on_the_list_keeps_its_first_entry(ledger: Ledger, clock: Clock) -> None:
    put(ledger, number(1))
    clock.seconds += 60
    assert put(ledger, number(1), number(2), by="ravi", note="again") == 1
    with ledger.transaction(read_only=True) as connection:
        found = do_not_call.entries(connection, [ledger.number_hash(number(each)) for each in (1, 2)])
    assert {name: (entry.by, entry.note, entry.at.timestamp()) for name, entry in found.items()} == {
        ledger.number_hash(number(1)): ("asha", "asked by letter", NOON),
        ledger.number_hash(number(2)): ("ravi", "again", NOON + 60),
    }


def test_each_change_is_on_record_with_its_count_and_nothing_else_is(ledger: Ledger) -> None:
    put(ledger, number(1), number(2))
    put(ledger, number(1))
    off(ledger, number(2))
    with ledger.transaction(read_only=True) as connection:
        found = connection.execute(select(decisions).order_by(decisions.c.id)).all()
    assert [(row.action, row.scope, row.calls, row.decided_by) for row in found] == [
        ("do-not-call add", "*", 2, "asha"),
        ("do-not-call remove", "*", 1, "asha"),
    ]


def test_a_hundred_thousand_numbers_are_put_on_the_list_and_taken_off(ledger: Ledger) -> None:
    everyone = [number(i) for i in range(100_000)]
    assert put(ledger, *everyone[:60_000]) == 60_000
    assert put(ledger, *everyone) == 40_000
    assert off(ledger, *everyone) == 100_000


def test_a_planned_call_to_a_listed_number_is_taken_back_and_the_rest_stays(ledger: Ledger) -> None:
    interval = plan(ledger, {"a": [number(1)], "b": [number(2)]}, {"c": [number(3)]}, {"d": [number(1)]})
    put(ledger, number(1))
    assert withdraw_listed(ledger, DECISION) == Withdrawal(withdrawn=2)
    assert told(ledger, interval) == {
        "a": ("suppressed", "do not call"),
        "b": ("pending", None),
        "c": ("pending", None),
        "d": ("suppressed", "do not call"),
    }
    assert rows(ledger, interval)["a"]["number_last4"] == "0001"
    assert rows(ledger, interval)["b"]["run_id"] == "run-1"
    assert numbers_to_send(ledger, interval) == {"b": [number(2)], "c": [number(3)]}
    assert uses(ledger, number(1), number(2)) == [0, 1]


def test_a_planned_call_with_another_number_is_made_to_that(ledger: Ledger) -> None:
    interval = plan(ledger, {"a": [number(1), number(2)], "b": [number(3), number(1)]})
    put(ledger, number(1))
    assert withdraw_listed(ledger, DECISION) == Withdrawal(shortened=2)
    assert numbers_to_send(ledger, interval) == {"a": [number(2)], "b": [number(3)]}
    assert {name: row["number_last4"] for name, row in rows(ledger, interval).items()} == {"a": "0002", "b": "0003"}
    assert uses(ledger, number(1), number(2), number(3)) == [0, 1, 1]


def test_taking_back_again_changes_nothing(ledger: Ledger) -> None:
    interval = plan(ledger, {"a": [number(1)], "b": [number(2)]})
    put(ledger, number(1))
    withdraw_listed(ledger, DECISION)
    before = told(ledger, interval), states(ledger)
    assert withdraw_listed(ledger, DECISION) == Withdrawal()
    assert (told(ledger, interval), states(ledger)) == before


def test_only_the_interval_asked_for_is_changed(ledger: Ledger) -> None:
    interval = plan(ledger, {"a": [number(1)]})
    put(ledger, number(1))
    assert withdraw_listed(ledger, DECISION, interval + 1) == Withdrawal()
    assert withdraw_listed(ledger, DECISION, interval) == Withdrawal(withdrawn=1)


def test_what_is_being_sent_or_may_be_accepted_is_left_and_told(ledger: Ledger) -> None:
    interval = plan(ledger, *({name: [number(1)]} for name in "abcd"))
    sending, unknown, doubtful, held = take_all(ledger, sendable(ledger, interval), limit=LIMIT)
    silence = Answered(sent=True, outcome="unknown")
    settle(ledger, Outcome(unknown, BatchState.UNKNOWN, Past.UNANSWERED, "no answer", 1, silence))
    settle(ledger, Outcome(doubtful, BatchState.PENDING, Past.DOUBTFUL, "code 500", 1, silence))
    settle(ledger, Outcome(held, BatchState.HELD, Past.UNANSWERED, "no answer", 1, silence))
    before = states(ledger)
    put(ledger, number(1))
    assert withdraw_listed(ledger, DECISION) == Withdrawal(out_of_reach=3)
    assert states(ledger) == before
    assert {status for status, _ in told(ledger, interval).values()} == {"held"}
    assert settle(ledger, accepted(sending)) == []


def test_a_batch_that_was_refused_whole_can_be_taken_back(ledger: Ledger) -> None:
    interval = plan(ledger, {"a": [number(1)], "b": [number(2)]})
    [taken] = take_all(ledger, sendable(ledger, interval))
    settle(ledger, refused_whole(taken))
    put(ledger, number(1))
    assert withdraw_listed(ledger, DECISION) == Withdrawal(withdrawn=1)
    assert told(ledger, interval) == {"a": ("suppressed", "do not call"), "b": ("pending", "no balance")}
    [rest] = sendable(ledger, interval)
    assert rest.past is Past.FIRST  # other bytes than those that were refused


def test_a_sender_that_read_the_batch_before_can_not_send_it(ledger: Ledger) -> None:
    interval = plan(ledger, {"a": [number(1)], "b": [number(2)]})
    read_before = sendable(ledger, interval)
    put(ledger, number(1))
    withdraw_listed(ledger, DECISION)
    assert take_all(ledger, read_before) == []


def test_each_batch_that_was_changed_is_on_record(ledger: Ledger) -> None:
    plan(ledger, {"a": [number(1)], "b": [number(2)]})
    put(ledger, number(1))
    withdraw_listed(ledger, DECISION)
    with ledger.transaction(read_only=True) as connection:
        query = select(decisions).where(decisions.c.action == "withdraw")
        [row] = connection.execute(query).all()
    assert (row.scope, row.batch_id, row.calls, row.decided_by) == ("trial", 1, 1, "asha")


def test_a_contact_that_was_taken_back_can_be_planned_again_once_the_number_is_off_the_list(ledger: Ledger) -> None:
    interval = plan(ledger, {"a": [number(1)]})
    put(ledger, number(1))
    withdraw_listed(ledger, DECISION)
    off(ledger, number(1))
    assert plan(ledger, {"a": [number(1)]}, run_id="run-2") == interval
    assert told(ledger, interval) == {"a": ("pending", None)}
    assert uses(ledger, number(1)) == [1]


def test_a_call_that_is_taken_back_while_its_query_is_still_read_is_shown(ledger: Ledger) -> None:
    def withdraw() -> None:
        put(ledger, number(1))
        assert withdraw_listed(ledger, DECISION) == Withdrawal(withdrawn=1)

    plan(ledger, {"z": [number(9)]}, run_id="run-0")
    interval = plan(ledger, {"a": [number(1)]}, meanwhile=withdraw)
    assert told(ledger, interval) == {"a": ("suppressed", "do not call"), "z": ("pending", None)}


def test_a_sender_and_a_person_who_take_the_same_batches_share_them_without_a_loss(ledger: Ledger) -> None:
    count = 60
    interval = plan(ledger, *({f"a{i}": [number(2 * i)], f"b{i}": [number(2 * i + 1)]} for i in range(count)))
    put(ledger, *(number(2 * i) for i in range(count)))
    gate = Barrier(2)

    def send() -> None:
        gate.wait()
        while found := sendable(ledger, interval):
            for taken in take_all(ledger, found[-1:], by=sender(), limit=LIMIT):
                settle(ledger, accepted(taken))

    def withdraw() -> Withdrawal:
        gate.wait()
        return withdraw_listed(ledger, DECISION)

    with ThreadPoolExecutor(2) as pool:
        sending, withdrawing = pool.submit(send), pool.submit(withdraw)
        sending.result()
        done = withdrawing.result()
    shown = told(ledger, interval)
    assert len(shown) == 2 * count
    assert {status for name, (status, _) in shown.items() if name[0] == "b"} == {"accepted"}
    suppressed = {name for name, (status, _) in shown.items() if status == "suppressed"}
    assert len(suppressed) == done.withdrawn
    with ledger.transaction(read_only=True) as connection:
        query = select(batches.c.frozen).where(batches.c.state == BatchState.ACCEPTED)
        frozen = [zlib.decompress(each) for each in connection.execute(query).scalars()]
    went = Counter(call["client-identifier"].removeprefix("ci-") for each in frozen for call in thaw(each))
    assert set(went.values()) == {1}
    assert went.keys() == shown.keys() - suppressed


@pytest.mark.parametrize("batch_size", [1, 7])
def test_when_all_calls_of_a_batch_are_taken_back_nothing_is_left_to_send(ledger: Ledger, batch_size: int) -> None:
    interval = plan(ledger, {f"c{i}": [number(1)] for i in range(batch_size)})
    put(ledger, number(1))
    assert withdraw_listed(ledger, DECISION) == Withdrawal(withdrawn=batch_size)
    assert sendable(ledger, interval) == []
    assert set(told(ledger, interval).values()) == {("suppressed", "do not call")}
