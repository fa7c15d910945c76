from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Connection

from ledger.promises import LEASE_SECONDS, LIMIT, NOON, Clock, accepted, plan_batches, sendable, settle, take_all
from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Past
from phonon.ledger.budget import RateLimit, room, slow_down
from phonon.ledger.outbox import Answered, Batch, Outcome
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger


class _Sending:
    """Sends batches whenever the budget lets it, on a clock that jumps from event to event."""

    def __init__(self, per_minute: int, sizes: Sequence[int]) -> None:
        self._limit = replace(LIMIT, per_minute=per_minute)
        self._clock = Clock()
        self._ledger = Ledger(URL.create("sqlite"), clock=self._clock)
        self._waiting = sendable(self._ledger, plan_batches(self._ledger, sizes))
        self._flying: list[tuple[float, int, Batch]] = []
        self.arrivals: list[tuple[float, int]] = []

    def run(self, flights: Sequence[tuple[float, float, bool]]) -> None:
        """Each flight: how long it takes, at what part of that it arrives, and whether an answer is recorded."""
        ways = iter(flights)
        while self._waiting:
            taken = take_all(self._ledger, self._waiting[:4], limit=self._limit)
            for batch in taken:
                self._fly(batch, *next(ways))
            self._waiting = self._waiting[len(taken) :]
            if not taken:
                self._step()
        self._ledger.close()

    def _fly(self, batch: Batch, seconds: float, part: float, answered: bool) -> None:
        self.arrivals.append((self._clock.seconds + seconds * part, batch.calls))
        if answered:
            heapq.heappush(self._flying, (self._clock.seconds + seconds, batch.id, batch))

    def _step(self) -> None:
        with self._ledger.transaction() as connection:
            _, when = room(connection, self._limit, [self._waiting[0].calls], self._clock.seconds)
        if self._flying and self._flying[0][0] <= when:
            when, _, batch = heapq.heappop(self._flying)
            self._clock.seconds = when
            settle(self._ledger, accepted(batch))
        self._clock.seconds = max(self._clock.seconds, when)


def _highest(arrivals: Sequence[tuple[float, int]]) -> int:
    """The most calls in any 60 seconds, both ends counted but for the last instant."""
    return max(sum(calls for at, calls in arrivals if first <= at < first + 60) for first, _ in arrivals)


_FLIGHT = st.tuples(st.floats(0, LEASE_SECONDS - 1), st.floats(0, 1), st.booleans())


def test_a_send_without_an_answer_counts_as_long_as_it_can_still_arrive(ledger: Ledger, clock: Clock) -> None:
    found = sendable(ledger, plan_batches(ledger, [600, 600]))
    (batch,) = take_all(ledger, found[:1])
    clock.seconds += 10
    silent = Answered(sent=True, outcome="unknown")
    settle(ledger, Outcome(batch, BatchState.UNKNOWN, Past.UNANSWERED, "no answer", 1, silent))
    clock.seconds += LEASE_SECONDS + 49
    assert not take_all(ledger, found[1:])
    clock.seconds += 1
    assert take_all(ledger, found[1:])


@given(
    per_minute=st.integers(10, 40),
    sizes=st.lists(st.integers(1, 10), min_size=1, max_size=25),
    flights=st.lists(_FLIGHT, min_size=25, max_size=25),
)
@settings(max_examples=25, deadline=None)
def test_no_minute_at_the_other_side_holds_more_than_the_limit(
    per_minute: int, sizes: list[int], flights: list[tuple[float, float, bool]]
) -> None:
    sending = _Sending(per_minute, sizes)
    sending.run(flights)
    assert len(sending.arrivals) == len(sizes)
    assert _highest(sending.arrivals) <= per_minute


def test_a_long_run_uses_98_percent_of_the_limit() -> None:
    sending = _Sending(600, [10] * 300)
    sending.run([(0.5, 0.5, True)] * 300)
    first, last = sending.arrivals[0][0], sending.arrivals[-1][0]
    # The first minute may be sent at once, so it is not counted.
    assert (3000 - 600) / (last - first) * 60 >= 0.98 * 600
    assert _highest(sending.arrivals) <= 600


@pytest.mark.parametrize(
    ("other", "fits"),
    [
        (LIMIT, 0),
        (replace(LIMIT, endpoint=Endpoint.REALTIME), 1),
        (replace(LIMIT, account="another"), 1),
        (replace(LIMIT, per_minute=601), 1),
    ],
)
def test_a_limit_is_shared_by_those_of_one_account_and_endpoint(
    ledger: Ledger, other: RateLimit, fits: int
) -> None:
    take_all(ledger, sendable(ledger, plan_batches(ledger, [600])))
    with ledger.transaction() as connection:
        assert room(connection, other, [1], NOON + 30)[0] == fits


def test_a_limit_of_requests_counts_a_request_as_one(ledger: Ledger) -> None:
    limit = replace(LIMIT, per_minute=2, counts_requests=True)
    found = sendable(ledger, plan_batches(ledger, [50, 50, 50]))
    assert take_all(ledger, found, limit=limit) == found[:2]


def test_the_wait_ends_when_enough_of_the_limit_is_free(ledger: Ledger, clock: Clock) -> None:
    first, second = sendable(ledger, plan_batches(ledger, [300, 300]))
    take_all(ledger, [first])
    settle(ledger, accepted(first))
    clock.seconds += 7
    take_all(ledger, [second])
    settle(ledger, accepted(second))
    with ledger.transaction() as connection:
        assert room(connection, LIMIT, [300], clock.seconds) == (0, NOON + 60)
        assert room(connection, LIMIT, [301], clock.seconds) == (0, NOON + 67)


def test_the_first_429_of_a_burst_halves_the_rate_and_the_others_do_not(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for seconds in (0, 1, 2):
            slow_down(connection, LIMIT, NOON + seconds, None)
        # The pause ends, and in it the rate has grown by 20 % a minute.
        blocked_until = NOON + 7
        assert room(connection, LIMIT, [1], blocked_until - 0.1) == (0, blocked_until)
        assert _allowed(connection, blocked_until) == 300 + 14
        slow_down(connection, LIMIT, blocked_until, None)
        assert _allowed(connection, blocked_until + 5) == 157 + 10


def test_the_rate_recovers_fully_and_never_falls_to_nothing(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for burst in range(20):
            slow_down(connection, LIMIT, NOON + burst * 6, None)
        last = NOON + 19 * 6
        assert 0.05 * 600 <= _allowed(connection, last + 5) < 0.1 * 600
        assert _allowed(connection, last + 300) == 600


def test_everybody_waits_as_long_as_the_answer_asks(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        slow_down(connection, LIMIT, NOON, 42.0)
        assert room(connection, LIMIT, [1], NOON + 41) == (0, NOON + 42)


def test_an_answer_cannot_stop_an_account_for_hours(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        slow_down(connection, LIMIT, NOON, 1e12)
        assert room(connection, LIMIT, [1], NOON + 3600) == (1, NOON + 3600)


def test_a_batch_that_needs_the_whole_limit_waits_for_the_rate_to_recover(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        slow_down(connection, LIMIT, NOON, None)
        now = NOON + 5
        while not room(connection, LIMIT, [600], now)[0]:
            _, now = room(connection, LIMIT, [600], now)
        assert now <= NOON + 151


def _allowed(connection: Connection, now: float) -> int:
    """How many single calls may start."""
    return room(connection, LIMIT, [1] * (LIMIT.per_minute + 1), now)[0]
