from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import URL, make_url, select, update

from ledger.promises import (
    LEASE_SECONDS,
    NOON,
    Clock,
    accepted,
    plan_batches,
    refused_whole,
    sendable,
    sender,
    settle,
    states,
    take_all,
)
from phonon.api.request import freeze_objects, thaw
from phonon.api.verdict import Past
from phonon.errors import LedgerError
from phonon.ledger.outbox import (
    Answered,
    Batch,
    Child,
    Outcome,
    candidates,
    erase_settled,
    freeze_anew,
    next_due,
    recover,
)
from phonon.ledger.schema import batches, calls, sends
from phonon.ledger.shares import Share
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from postgres_server import PostgresDatabase

_DEAD = "elsewhere/1/1"


def test_a_batch_that_was_taken_is_not_given_to_another(ledger: Ledger) -> None:
    [batch] = sendable(ledger, plan_batches(ledger, [3]))
    assert take_all(ledger, [batch]) == [batch]
    assert take_all(ledger, [batch], by=sender("run-2")) == []
    assert states(ledger) == {batch.id: "sending"}


def test_two_connections_that_take_the_same_batches_at_once_share_them(postgres_server: PostgresDatabase) -> None:
    ledger = Ledger(make_url(postgres_server.url))
    found = sendable(ledger, plan_batches(ledger, [1] * 40))
    gate = Barrier(4)

    def take_them(number: int) -> list[int]:
        mine = Ledger(make_url(postgres_server.url))
        gate.wait()
        taken = [batch.id for one in found for batch in take_all(mine, [one], by=sender(f"run-{number}"))]
        mine.close()
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [each for mine in pool.map(take_them, range(4)) for each in mine]
    ledger.close()
    assert sorted(taken) == [batch.id for batch in found]


def test_an_older_fence_records_nothing(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [3])
    [batch] = sendable(ledger, interval)
    take_all(ledger, [batch], by=sender(owner=_DEAD))
    clock.seconds += LEASE_SECONDS
    with ledger.transaction() as connection:
        assert recover(connection, interval, run_id="run-2", now=clock.seconds) == 1
    late = accepted(batch)
    assert settle(ledger, late) == [late]
    assert states(ledger) == {batch.id: "unknown"}


def test_a_late_answer_still_counts_against_the_limit_from_when_it_came(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [3])
    [batch] = sendable(ledger, interval)
    take_all(ledger, [batch], by=sender(owner=_DEAD))
    clock.seconds += LEASE_SECONDS + 7
    with ledger.transaction() as connection:
        recover(connection, interval, run_id="run-2", now=clock.seconds)
    settle(ledger, accepted(batch))
    with ledger.transaction() as connection:
        assert connection.execute(select(sends.c.counts_until)).scalar() == clock.seconds + 60


@pytest.mark.parametrize(("waited", "recovered"), [(0.0, 0), (LEASE_SECONDS - 0.1, 0), (LEASE_SECONDS, 1)])
def test_a_batch_is_recovered_only_when_its_lease_has_ended(
    ledger: Ledger, clock: Clock, waited: float, recovered: int
) -> None:
    interval = plan_batches(ledger, [1])
    take_all(ledger, sendable(ledger, interval), by=sender(owner=_DEAD))
    with ledger.transaction() as connection:
        assert next_due(connection, interval) == NOON + LEASE_SECONDS
        assert recover(connection, interval, run_id="run-2", now=clock.seconds + waited) == recovered


def test_a_recovered_batch_is_never_again_one_that_was_never_sent(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [1])
    take_all(ledger, sendable(ledger, interval), by=sender(owner=_DEAD))
    clock.seconds += LEASE_SECONDS
    with ledger.transaction() as connection:
        recover(connection, interval, run_id="run-2", now=clock.seconds)
    [found] = sendable(ledger, interval)
    assert (found.state, found.past) == (BatchState.UNKNOWN, Past.UNANSWERED)


def test_a_send_that_never_left_takes_nothing_of_the_limit(ledger: Ledger, clock: Clock) -> None:
    [batch] = sendable(ledger, plan_batches(ledger, [3]))
    take_all(ledger, [batch])
    clock.seconds += 1
    not_sent = Answered(sent=False, outcome="not sent")
    settle(ledger, Outcome(batch, BatchState.PENDING, Past.FIRST, "refused", 0, not_sent))
    with ledger.transaction() as connection:
        assert connection.execute(select(sends.c.counts_until)).scalar() == clock.seconds


@pytest.mark.parametrize(
    "spoilt", [None, b"", b"not deflated", zlib.compress(b"[]")], ids=["erased", "empty", "noise", "other bytes"]
)
def test_bytes_that_are_not_those_that_were_frozen_are_not_given_out(ledger: Ledger, spoilt: bytes | None) -> None:
    interval = plan_batches(ledger, [1])
    with ledger.transaction() as connection:
        connection.execute(update(batches).values(frozen=spoilt))
    with pytest.raises(LedgerError, match="frozen calls of batch"):
        sendable(ledger, interval)


def test_the_parts_of_a_batch_keep_every_call_exactly_once(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [5])
    [batch] = sendable(ledger, interval)
    take_all(ledger, [batch])
    objects = thaw(batch.frozen)
    parts = [_child(objects[:2]), _child(objects[2:])]
    answered = Answered(sent=True, outcome="split", http_status=200, code=205)
    assert settle(ledger, Outcome(batch, BatchState.SPLIT, Past.FIRST, "bad", 1, answered, children=parts)) == []
    found = sendable(ledger, interval)
    assert [each.calls for each in found] == [2, 3]
    assert [call for each in found for call in thaw(each.frozen)] == objects
    with ledger.transaction() as connection:
        held = connection.execute(select(calls.c.batch_id, calls.c.contact_id).order_by(calls.c.contact_id)).all()
    assert [tuple(row) for row in held] == [(found[0 if i < 2 else 1].id, f"b0c{i}") for i in range(5)]


def test_a_part_that_names_a_call_of_another_batch_is_refused_whole(ledger: Ledger) -> None:
    first, second = sendable(ledger, plan_batches(ledger, [2, 2]))
    strange = _child(thaw(second.frozen))
    with pytest.raises(LedgerError, match="does not hold the calls"):
        settle(ledger, Outcome(first, BatchState.SPLIT, Past.FIRST, "bad", 0, children=[strange]))
    assert states(ledger) == {first.id: "pending", second.id: "pending"}


def test_a_batch_that_was_never_sent_can_be_frozen_anew(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [2])
    [batch] = sendable(ledger, interval)
    _freeze_anew(ledger, batch)
    [found] = sendable(ledger, interval)
    assert (found.frozen, found.starts_at, found.not_after) == (b"[1]", NOON + 60, NOON + 120)
    with ledger.transaction() as connection:
        assert set(connection.execute(select(calls.c.starts_at)).scalars()) == {NOON + 60}
    assert take_all(ledger, [batch]) == [], "its old bytes are not sent any more"


def test_a_batch_that_was_sent_is_never_frozen_anew(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [2])
    [batch] = sendable(ledger, interval)
    take_all(ledger, [batch])
    _freeze_anew(ledger, batch)
    settle(ledger, refused_whole(batch))
    [found] = sendable(ledger, interval)
    assert found.frozen == batch.frozen
    with pytest.raises(LedgerError, match="must keep its bytes"):
        _freeze_anew(ledger, found)


def test_only_the_numbers_of_what_was_settled_long_ago_are_erased(ledger: Ledger, clock: Clock) -> None:
    old, held, _pending = found = sendable(ledger, plan_batches(ledger, [1, 1, 1, 1]))[:3]
    late = sendable(ledger, 1)[3]
    take_all(ledger, [*found[:2], late])
    unknown = Answered(sent=True, outcome="unknown")
    settle(ledger, accepted(old), Outcome(held, BatchState.HELD, Past.UNANSWERED, "no answer", 1, unknown))
    clock.seconds += 100
    settle(ledger, accepted(late))
    with ledger.transaction() as connection:
        assert erase_settled(connection, before=clock.seconds) == 1
        erased = connection.execute(select(batches.c.id).where(batches.c.frozen.is_(None))).scalars().all()
    assert erased == [old.id]


def test_a_batch_in_its_backoff_is_not_a_candidate(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [1])
    [batch] = sendable(ledger, interval)
    settle(ledger, Outcome(batch, BatchState.PENDING, Past.FIRST, None, 0, not_before=NOON + 10))
    assert sendable(ledger, interval) == []
    clock.seconds += 10
    assert [each.id for each in sendable(ledger, interval)] == [batch.id]


def test_two_that_take_the_same_batches_in_opposite_orders_do_not_block_each_other(ledger_url: URL) -> None:
    ledger = Ledger(ledger_url)
    found = sendable(ledger, plan_batches(ledger, [1, 1]))
    gate = Barrier(2)

    def take_in(order: list[Batch]) -> int:
        gate.wait()
        return len(take_all(ledger, order))

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(take_in, [found, found[::-1]]))
    ledger.close()
    assert sorted(taken) == [0, 2]


def test_senders_of_all_shares_change_batches_in_one_order(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [1] * 6)
    with ledger.transaction(read_only=True) as connection:
        got = [
            [each.id for each in candidates(connection, interval, now=NOON, most=5, share=Share(part, 2))]
            for part in (0, 1)
        ]
    assert all(len(ids) == 5 and ids == sorted(ids) for ids in got)
    assert got[0] != got[1]


def _child(objects: list[dict[str, object]]) -> Child:
    names = [str(call["client-identifier"]) for call in objects]
    return Child(freeze_objects(objects), names, BatchState.PENDING, Past.FIRST)


def _freeze_anew(ledger: Ledger, batch: Batch) -> None:
    with ledger.transaction() as connection:
        freeze_anew(connection, batch, b"[1]", starts_at=NOON + 60, not_after=NOON + 120)
