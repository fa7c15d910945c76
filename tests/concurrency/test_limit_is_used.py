"""A long run of several senders uses the limit, and adapts when Phonon allows less. In simulated time: exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from concurrency.long_run import LongRun
from simulator import Fault, Kind

_LIMIT = 600


@pytest.mark.parametrize("senders", [1, 3])
def test_a_long_run_sits_at_98_percent_of_the_limit(tmp_path: Path, senders: int) -> None:
    run = LongRun(tmp_path, per_minute=_LIMIT, bulk_per_minute=_LIMIT)
    run.plan(batches=180, calls=10)
    assert run.run(senders) == [None] * senders
    run.assert_nobody_is_lost()
    assert run.highest_in_any_minute() == _LIMIT
    arrivals = run.arrivals()
    # From the first call of the first minute to the first of the last.
    assert (len(arrivals) - _LIMIT) / (arrivals[-_LIMIT] - arrivals[0]) * 60 >= 0.98 * _LIMIT
    assert run.phonon.summary()["requests_by_status"] == {"202": 180}


@pytest.mark.parametrize("retry_after", [True, False])
def test_when_phonon_allows_less_the_senders_slow_down_by_themselves(tmp_path: Path, retry_after: bool) -> None:
    run = LongRun(tmp_path, per_minute=_LIMIT, bulk_per_minute=_LIMIT // 3, send_retry_after=retry_after)
    run.plan(batches=120, calls=10)
    assert run.run(3) == [None] * 3
    run.assert_nobody_is_lost()
    statuses = run.phonon.summary()["requests_by_status"]
    assert statuses["202"] == 120
    assert 0 < statuses["429"] < 120
    assert run.highest_in_any_minute() <= _LIMIT // 3


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {}])
def test_after_a_burst_of_429_the_rate_finds_its_way_back(tmp_path: Path, headers: dict[str, str]) -> None:
    run = LongRun(tmp_path, per_minute=_LIMIT)
    run.plan(batches=420, calls=10)
    run.phonon.faults.inject(Fault(Kind.STATUS, status=429, headers=headers, skip=30, times=4))
    assert run.run(3) == [None] * 3
    run.assert_nobody_is_lost()
    arrivals = run.arrivals()
    by_minute = [sum(minute * 60 <= at < minute * 60 + 60 for at in arrivals) for minute in range(6)]
    assert by_minute[0] <= 0.7 * _LIMIT, "nobody slowed down"
    assert by_minute[0] < by_minute[1] < by_minute[2], by_minute
    assert min(by_minute[2:]) >= 0.98 * _LIMIT, by_minute
    assert run.highest_in_any_minute() <= _LIMIT


def test_the_same_run_ends_the_same_way(tmp_path: Path) -> None:
    ends = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        run = LongRun(tmp_path / name, per_minute=_LIMIT, bulk_per_minute=_LIMIT)
        run.plan(batches=90, calls=10)
        run.run(3)
        ends.append(run.arrivals())
    assert ends[0] == ends[1]
