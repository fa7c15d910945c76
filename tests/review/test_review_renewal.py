"""The bytes of a released batch: the same calls, never the same bytes, no start that is past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.sending import batch, starts_of
from ledger.promises import NOON
from phonon.api.request import IST, encode_call, encode_start_time, freeze, thaw
from phonon.ledger.outbox import Batch
from phonon.planning.start_times import last_sending_time
from phonon.review.renewal import renew


def _batch(*starts: float) -> Batch:
    texts = [encode_start_time(datetime.fromtimestamp(start, UTC)) for start in starts]
    calls = [encode_call(f"ci-{i}", text, ["919999900000"], [("Name", "आशा")]) for i, text in enumerate(texts)]
    return batch(frozen=freeze(calls), starts_at=min(starts), calls=len(calls))


def test_starts_that_are_past_become_now_and_later_ones_stay() -> None:
    renewal = renew(_batch(NOON - 60, NOON + 60, NOON), NOON + 0.9)
    assert starts_of(renewal.frozen) == [NOON, NOON + 60, NOON]
    assert renewal.starts_at == NOON
    assert renewal.moved == {NOON: ["ci-0"]}


def test_where_no_start_is_past_the_first_moves_by_a_second() -> None:
    renewal = renew(_batch(NOON + 60, NOON + 60), NOON)
    assert starts_of(renewal.frozen) == [NOON + 61, NOON + 60]
    assert (renewal.starts_at, renewal.moved) == (NOON + 60, {NOON + 61: ["ci-0"]})


def test_the_day_of_a_batch_is_that_of_its_new_start() -> None:
    renewal = renew(_batch(NOON - 5 * 86_400), NOON)
    day = datetime.fromtimestamp(renewal.not_after, IST)
    assert f"{day:%Y-%m-%d %H:%M}" == "2026-11-24 23:59"


@pytest.mark.parametrize(("clock", "start"), [("23:58:59", "24 23:58:59"), ("23:59:30", "25 00:00:00")])
def test_what_is_released_just_before_midnight_is_not_past_when_it_is_sent(clock: str, start: str) -> None:
    now = datetime.fromisoformat(f"2026-11-24T{clock}+05:30").timestamp()
    renewal = renew(_batch(NOON), now)
    assert f"{datetime.fromtimestamp(renewal.starts_at, IST):%d %H:%M:%S}" == start
    assert renewal.not_after >= now


_DAY = st.floats(0, 3 * 86_400).map(lambda seconds: NOON + seconds)


@given(st.lists(_DAY.map(int), min_size=1, max_size=5), st.lists(_DAY, min_size=1, max_size=5).map(sorted))
def test_however_often_a_batch_is_released_no_two_sends_have_the_same_bytes(
    starts: list[int], times: list[float]
) -> None:
    released = _batch(*starts)
    seen = {released.frozen}
    for now in times:
        renewal = renew(released, now)
        assert renewal.frozen not in seen
        seen.add(renewal.frozen)
        assert min(starts_of(renewal.frozen)) == renewal.starts_at >= int(now)
        assert renewal.not_after == last_sending_time(datetime.fromtimestamp(renewal.starts_at, UTC)).timestamp()
        assert renewal.not_after >= now - timedelta(minutes=1).total_seconds()
        before, after = thaw(released.frozen), thaw(renewal.frozen)
        for old, new in zip(before, after, strict=True):
            assert {**old, "start-time": ""} == {**new, "start-time": ""}
            assert new["start-time"] >= old["start-time"]
        changed = {call["client-identifier"] for call, was in zip(after, before, strict=True) if call != was}
        assert changed == {name for names in renewal.moved.values() for name in names}
        released = replace(released, frozen=renewal.frozen, starts_at=renewal.starts_at)
