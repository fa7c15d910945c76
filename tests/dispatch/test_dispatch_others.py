"""What a sender of a shared run asks the ledger about the others, and what it says of itself."""

from __future__ import annotations

import logging

import pytest

from ledger.promises import LIMIT, NOON, Clock, plan_batches, sendable, settle, take_all
from phonon.api.verdict import Kind, Past
from phonon.dispatch.others import Others
from phonon.dispatch.process import Process
from phonon.dispatch.progress import Progress
from phonon.ledger.outbox import Answered, Batch, Outcome
from phonon.ledger.shares import Answers, Share
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger


class _Ear:
    """A sender that only listens."""

    def __init__(self, ledger: Ledger, interval_id: int) -> None:
        self._ledger, self._interval_id = ledger, interval_id
        self._others = Others(Process(), Share(0, 2), LIMIT.account, look_seconds=1.0)

    def hears(self) -> Answers:
        with self._ledger.transaction(read_only=True) as connection:
            return self._others.answers(connection, self._interval_id, self._ledger.now(connection))


def _no_money(batch: Batch) -> Outcome:
    answered = Answered(sent=True, outcome=Kind.TOP_UP.value, http_status=200, code=212)
    return Outcome(batch, BatchState.PENDING, Past.REFUSED, "Insufficient Balance", 0, answered)


def test_a_refusal_of_another_sender_is_heard_however_late_it_is_recorded(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [1])
    ear = _Ear(ledger, interval)
    [batch] = take_all(ledger, sendable(ledger, interval))
    for clock.seconds in (NOON, NOON + 100):
        assert ear.hears().refusal is None
    clock.seconds = NOON + 90  # when the transaction began that now ends
    settle(ledger, _no_money(batch))
    clock.seconds = NOON + 101
    refusal = ear.hears().refusal
    assert refusal is not None
    assert (refusal.kind, refusal.code, refusal.reason) == (Kind.TOP_UP, 212, "Insufficient Balance")


def test_what_was_heard_long_ago_is_not_looked_up_again(ledger: Ledger, clock: Clock) -> None:
    interval = plan_batches(ledger, [1])
    ear = _Ear(ledger, interval)
    ear.hears()
    [batch] = take_all(ledger, sendable(ledger, interval))
    settle(ledger, _no_money(batch))
    clock.seconds += 120
    assert ear.hears().refusal is not None, "it has not asked for two minutes"
    clock.seconds += 1
    assert ear.hears() == Answers(any_good=False, refusal=None)


@pytest.mark.parametrize(("waiting", "said"), [(60, "; 60 left"), (None, "0 held")], ids=["alone", "shard"])
def test_only_a_sender_that_is_alone_says_what_is_left(
    caplog: pytest.LogCaptureFixture, waiting: int | None, said: str
) -> None:
    with caplog.at_level(logging.INFO):
        Progress(logging.getLogger("progress"), waiting, 600).tell(now=True)
    assert said in caplog.text
    assert ("for which the limit needs at least" in caplog.text) == (waiting is not None)
