"""The senders of a run with shards: how they share its batches, and what they learn from one another."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from concurrency.long_run import LongRun
from phonon.dispatch.dispatcher import Stop
from simulator import Fault, Kind

_NO_LIMIT = 1_000_000
_ONE_WAY_SECONDS = 0.1
"""The shortest that an answer, or a request, is on its way."""


def test_each_shard_sends_its_own_batches_and_meets_no_other_before_the_end(tmp_path: Path) -> None:
    run = LongRun(tmp_path, per_minute=_NO_LIMIT)
    run.plan(batches=120, calls=1)
    assert run.run(3, as_shards=True) == [None] * 3
    run.assert_nobody_is_lost()
    senders = run.senders()
    own = Counter(senders[batch] == f"P{batch % 3}" for batch in senders)
    assert own[False] <= 3 * 4, "more than the places in flight at the end"
    assert len(run.requests()) == 120


def test_the_first_batch_of_a_run_with_shards_goes_alone(tmp_path: Path) -> None:
    run = LongRun(tmp_path, per_minute=_NO_LIMIT)
    run.plan(batches=60, calls=1)
    run.phonon.faults.inject(Fault(Kind.SLOW, seconds=5))
    run.run(3, as_shards=True)
    assert sum(at < 5 + _ONE_WAY_SECONDS for at in run.requests()) == 1
    run.assert_nobody_is_lost()


def test_all_shards_send_soon_after_the_first_batch_was_answered_well(tmp_path: Path) -> None:
    last = {}
    for senders in (1, 3):
        folder = tmp_path / str(senders)
        folder.mkdir()
        run = LongRun(folder, per_minute=_NO_LIMIT)
        run.plan(batches=120, calls=1)
        run.run(senders, as_shards=True)
        last[senders] = max(run.requests())
    assert last[3] < last[1] / 2


@pytest.mark.parametrize(("code", "stop"), [(212, Stop.TOP_UP), (401, Stop.FIX_CONFIGURATION)])
def test_a_refusal_of_the_first_batch_stops_all_shards_after_one_request(
    tmp_path: Path, code: int, stop: Stop
) -> None:
    run = LongRun(tmp_path, per_minute=_NO_LIMIT)
    run.plan(batches=60, calls=1)
    run.phonon.faults.inject(Fault(Kind.CODE, code=code, times=None))
    stopped = run.run(4, as_shards=True)
    assert [(each.stop, each.code) for each in stopped if each is not None] == [(stop, code)] * 4
    assert len(run.requests()) == 1
    assert run.statuses() == {"pending": 60}


def test_a_refusal_in_the_middle_stops_a_shard_that_waits_for_the_limit(tmp_path: Path) -> None:
    run = LongRun(tmp_path, per_minute=60)
    run.plan(batches=90, calls=1)
    run.phonon.faults.inject(Fault(Kind.CODE, code=212, skip=60, times=1))
    stopped = run.run(3, as_shards=True)
    assert [each.stop for each in stopped if each is not None] == [Stop.TOP_UP] * 3
    assert run.statuses()["pending"] >= 90 - 60 - 3 * 4


def test_the_others_take_over_what_a_shard_that_died_left(tmp_path: Path) -> None:
    run = LongRun(tmp_path, per_minute=_NO_LIMIT)
    run.plan(batches=120, calls=1)
    assert run.run(3, as_shards=True, kill=2.5) == [None] * 2
    statuses = run.statuses()
    # Nobody knows what became of what it had in flight: on bulk it is held.
    assert statuses["accepted"] + statuses["held"] == 120
    assert 0 < statuses["held"] <= 4


def test_shards_that_wait_for_one_that_died_with_the_first_batch_begin_when_its_lease_is_over(
    tmp_path: Path,
) -> None:
    run = LongRun(tmp_path, per_minute=_NO_LIMIT)
    run.plan(batches=30, calls=1)
    run.phonon.faults.inject(Fault(Kind.NO_ANSWER))
    assert run.run(3, as_shards=True, kill=1.0) == [None] * 2
    assert run.statuses() == {"accepted": 29, "held": 1}
    # 15 s to begin, 12 s of timeouts, 5 s to spare.
    assert 32 <= min(at for at in run.requests() if at > 5) < 34
