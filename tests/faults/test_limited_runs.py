"""Runs with the parameter ``limit``: at most so many calls in all, those of earlier runs among them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from phonon.ledger.schema import sends
from phonon.ledger.store import Ledger
from simulator import Fault, Kind
from trial import Trial

NewTrial = Callable[..., Trial]
only_sqlite = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)


def _left_pending(new_trial: NewTrial, **options: object) -> Trial:
    """A campaign of which an earlier run has left six batches of 10 calls."""
    trial = new_trial(**{"phonon": {"bulk_per_minute": 0, "realtime_per_minute": 0}, **options})
    trial.extract()
    return trial


def _sizes(trial: Trial, run_id: str) -> list[int]:
    """The calls of each request that a run has sent, in the order of the batches."""
    ledger = Ledger(trial.ledger_url)
    with ledger.transaction(read_only=True) as connection:
        query = select(sends.c.calls).where(sends.c.run_id == run_id).order_by(sends.c.batch_id)
        sizes = list(connection.execute(query).scalars())
    ledger.close()
    return sizes


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(2, [2]), (10, [10]), (25, [10, 10, 5]), (60, [10] * 6), (100, [10] * 6)],
    ids=["part of a batch", "a batch", "batches and a part", "all there is", "more"],
)
def test_a_limit_holds_for_what_an_earlier_run_left_as_well(
    new_trial: NewTrial, limit: int, sizes: list[int]
) -> None:
    trial = _left_pending(new_trial)
    sent = trial.run("run-2", limit=limit)
    assert sent.stopped is None
    assert _sizes(trial, "run-2") == sizes
    assert trial.statuses() == Counter(accepted=sum(sizes)) + Counter(pending=60 - sum(sizes))
    trial.assert_books_agree()


@only_sqlite
def test_the_oldest_are_called_first(new_trial: NewTrial) -> None:
    trial = _left_pending(new_trial)
    trial.run("run-2", limit=12)
    called = {row["contact_id"] for row in trial.results() if row["status"] == "accepted"}
    assert called == {f"C{i}" for i in range(12)}


@only_sqlite
def test_once_a_run_has_sent_as_many_clearing_it_sends_no_more_and_other_runs_send_the_rest(
    new_trial: NewTrial, caplog: pytest.LogCaptureFixture
) -> None:
    trial = _left_pending(new_trial)
    with caplog.at_level(logging.WARNING):
        sent = trial.run("run-2", limit=3)
    assert (sent.is_at_limit, sent.pending) == (True, 57)
    assert "57 calls are pending. This run may place at most 3 (limit)" in caplog.text
    assert "calling hours" not in caplog.text
    trial.run("run-2", limit=3)
    assert trial.statuses() == {"accepted": 3, "pending": 57}
    trial.run("run-3", limit=4)
    assert trial.statuses() == {"accepted": 7, "pending": 53}
    sent = trial.run("run-4")
    assert (sent.is_at_limit, sent.pending) == (False, 0)
    assert trial.statuses() == {"accepted": 60}
    trial.assert_books_agree()


@only_sqlite
def test_the_limit_counts_calls_also_where_that_of_phonon_counts_requests(new_trial: NewTrial) -> None:
    trial = _left_pending(new_trial, extra={"limit_unit": "requests"})
    trial.run("run-2", limit=2)
    assert trial.statuses() == {"accepted": 2, "pending": 58}


@only_sqlite
def test_what_waits_for_the_minute_of_phonon_is_cut_once(new_trial: NewTrial) -> None:
    trial = _left_pending(new_trial, extra={"bulk_per_minute": 600})
    trial.phonon.inject(Fault(Kind.STATUS, status=429, headers={"Retry-After": "2"}, skip=1))
    trial.run("run-2", limit=17)
    assert trial.statuses() == {"accepted": 17, "pending": 43}
    assert _sizes(trial, "run-2") == [10, 7, 7]


@pytest.mark.parametrize("point", ["after_take", "after_answer", "before_record", "after_record"])
@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
def test_the_limit_holds_when_the_sender_is_killed_and_tried_again(
    new_trial: NewTrial, endpoint: str, point: str
) -> None:
    trial = _left_pending(new_trial, endpoint=endpoint)
    limited = replace(trial, options={"limit": 25})
    exit_code, output = limited.process("trigger", "run-2", die_at=point, time=2).finish()
    assert exit_code == -9, output
    limited.trigger("run-2")
    trial.push("run-2")
    assert len(trial.phonon.accepted()) <= 25
    assert trial.statuses()["pending"] == 35
    trial.assert_books_agree()


def test_the_senders_of_a_run_keep_its_limit_together(new_trial: NewTrial) -> None:
    trial = _left_pending(new_trial, contacts=300, keys={"shards": 4})
    limited = replace(trial, options={"limit": 137})
    senders = [replace(limited, shard=shard).process("trigger", "run-2", die_at="") for shard in range(4)]
    assert [sender.finish()[0] for sender in senders] == [0] * 4
    trial.push("run-2")
    assert trial.statuses() == {"accepted": 137, "pending": 163}
    trial.assert_books_agree()


@only_sqlite
def test_the_parts_of_a_batch_that_was_refused_for_a_bad_call_are_sent_although_the_run_is_at_its_limit(
    new_trial: NewTrial,
) -> None:
    phonon = {"bulk_per_minute": 0, "invalid_number_endings": ("00003",)}
    trial = _left_pending(new_trial, phonon=phonon)
    trial.run("run-2", limit=10)
    assert trial.statuses() == {"accepted": 9, "refused": 1, "pending": 50}
    assert sum(_sizes(trial, "run-2")) > 10


@only_sqlite
def test_a_batch_that_may_have_been_accepted_is_not_cut(new_trial: NewTrial) -> None:
    trial = _left_pending(new_trial, endpoint="realtime")
    exit_code, output = trial.process("trigger", "run-1", die_at="after_take").finish()
    assert exit_code == -9, output
    trial.run("run-2", limit=3)
    assert trial.statuses() == {"held": 10, "accepted": 3, "pending": 47}
    trial.run("run-3", limit=3)
    assert trial.statuses() == {"held": 10, "accepted": 6, "pending": 44}
    trial.run("run-4", limit=10)
    assert trial.statuses() == {"accepted": 16, "pending": 44}
    assert _sizes(trial, "run-4") == [10]
    trial.assert_books_agree()
