"""The limit in any sixty seconds, and the highest count that any sixty seconds held."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import IST, Endpoint, LimitUnit, Phonon, Reply, Settings
from simulator.minute import Receipts, SlidingMinute
from simulator.sample import sample_body, sample_request

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=IST)
SECOND = 1_000_000


class Caller:
    """Sends requests that are all different, at given seconds."""

    def __init__(self, settings: Settings) -> None:
        self.phonon = Phonon(settings)
        self._sent = 0

    def send(self, calls: int, *, at: float, endpoint: Endpoint = Endpoint.BULK) -> Reply:
        body = sample_body(calls, first=self._sent)
        self._sent += calls
        return self.phonon.handle(endpoint, body, now=NOW + timedelta(seconds=at), source_ip="")


def test_calls_above_the_limit_are_refused_with_429_and_not_accepted() -> None:
    caller = Caller(Settings(bulk_per_minute=10))
    assert [caller.send(calls, at=0).status for calls in (6, 4, 1)] == [202, 202, 429]
    assert caller.phonon.summary()["accepted_calls"] == 10


def test_the_window_slides() -> None:
    caller = Caller(Settings(bulk_per_minute=10))
    caller.send(6, at=0)
    caller.send(4, at=30)
    assert [caller.send(6, at=at).status for at in (59.999999, 60, 60)] == [429, 202, 429]


def test_what_is_refused_with_429_uses_up_nothing() -> None:
    caller = Caller(Settings(bulk_per_minute=10))
    assert [caller.send(calls, at=0).status for calls in (6, 6, 4)] == [202, 429, 202]


def test_retry_after_is_when_there_is_room_for_that_request() -> None:
    caller = Caller(Settings(bulk_per_minute=10))
    caller.send(5, at=0)
    caller.send(5, at=20)
    assert caller.send(5, at=30).headers["Retry-After"] == "30"
    assert caller.send(6, at=30).headers["Retry-After"] == "50"


def test_retry_after_can_be_left_out() -> None:
    caller = Caller(Settings(bulk_per_minute=1, send_retry_after=False))
    caller.send(1, at=0)
    assert "Retry-After" not in caller.send(1, at=0).headers


def test_a_limit_in_requests_does_not_count_calls() -> None:
    caller = Caller(Settings(bulk_per_minute=2, limit_unit=LimitUnit.REQUESTS))
    assert [caller.send(500, at=0).status for _ in range(3)] == [202, 202, 429]


def test_a_list_that_is_too_long_is_refused_for_that_and_not_for_coming_too_fast() -> None:
    caller = Caller(Settings())
    reply = caller.send(501, at=0, endpoint=Endpoint.REALTIME)
    assert orjson.loads(reply.body)["api-response-code"] == 303


def test_a_limit_of_zero_is_none() -> None:
    caller = Caller(Settings(bulk_per_minute=0))
    assert {caller.send(500, at=0).status for _ in range(70)} == {202}


@pytest.mark.parametrize(
    ("endpoint", "limit"), [(Endpoint.BULK, 30_000), (Endpoint.REALTIME, 500)], ids=["bulk", "real time"]
)
def test_the_default_limits_are_the_documented_ones(endpoint: Endpoint, limit: int) -> None:
    caller = Caller(Settings())
    statuses = [caller.send(500, at=0, endpoint=endpoint).status for _ in range(limit // 500)]
    assert set(statuses) <= {200, 202}
    assert caller.send(1, at=0, endpoint=endpoint).status == 429


def test_each_security_id_has_its_own_limit() -> None:
    phonon = Phonon(Settings(bulk_per_minute=1))
    statuses: list[int] = []
    for owner in ("a", "b", "a"):
        request = sample_request() | {"security-id": owner * 64, "flow-id": f"abcdefg{len(statuses)}"}
        statuses.append(phonon.handle(Endpoint.BULK, orjson.dumps(request), now=NOW, source_ip="").status)
    assert statuses == [202, 202, 429]


def test_a_request_that_is_refused_with_a_code_uses_up_its_share() -> None:
    phonon = Phonon(Settings(bulk_per_minute=5))
    bad = sample_request(5)
    bad["calls"][4]["start-time"] = "2020-01-01T00:00:00+05:30"
    assert phonon.handle(Endpoint.BULK, orjson.dumps(bad), now=NOW, source_ip="").status == 200
    assert phonon.handle(Endpoint.BULK, sample_body(), now=NOW, source_ip="").status == 429


def test_the_summary_tells_the_highest_minute_of_each_endpoint_under_a_masked_security_id() -> None:
    caller = Caller(Settings())
    for at, calls in ((0, 3), (59, 4), (61, 5), (200, 8)):
        caller.send(calls, at=at)
    caller.send(2, at=0, endpoint=Endpoint.REALTIME)
    summary = caller.phonon.summary()
    assert summary["highest_in_any_minute"] == {"bulk": {"...le77": 9}, "realtime": {"...le77": 2}}
    assert summary["highest_requests_in_any_minute"] == {"bulk": {"...le77": 2}, "realtime": {"...le77": 1}}


_RECEIPTS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 500)), max_size=30)


@given(_RECEIPTS)
def test_the_highest_minute_is_the_most_that_any_sixty_seconds_hold(received: list[tuple[int, int]]) -> None:
    receipts = Receipts()
    for second, calls in received:
        receipts.add(second * SECOND, calls)
    windows = [[calls for second, calls in received if end - 60 < second <= end] for end in range(361)]
    assert receipts.highest_calls() == max(sum(window) for window in windows)
    assert receipts.highest_requests() == max(len(window) for window in windows)


@given(_RECEIPTS, st.integers(1, 1500))
def test_no_sixty_seconds_ever_let_through_more_than_the_limit(asked: list[tuple[int, int]], limit: int) -> None:
    minute, receipts = SlidingMinute(limit), Receipts()
    for second, calls in sorted(asked):
        if minute.wait_for(calls, second * SECOND) == 0:
            minute.take(calls, second * SECOND)
            receipts.add(second * SECOND, calls)
    assert receipts.highest_calls() <= limit


@given(_RECEIPTS, st.integers(500, 1500), st.integers(1, 500))
def test_after_the_told_wait_there_is_room_and_not_a_microsecond_before(
    asked: list[tuple[int, int]], limit: int, wanted: int
) -> None:
    minute, now = SlidingMinute(limit), 0
    for second, calls in sorted(asked):
        now = second * SECOND
        if minute.wait_for(calls, now) == 0:
            minute.take(calls, now)
    wait = minute.wait_for(wanted, now)
    if wait:
        assert minute.wait_for(wanted, now + wait - 1) == 1
    assert minute.wait_for(wanted, now + wait) == 0
