from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import URL, select, update

from dispatch.sending import Campaign, RunningClock, rules
from ledger.promises import sendable, sender, states, take_all
from phonon.api.endpoints import Endpoint
from phonon.dispatch.dispatcher import Stop
from phonon.dispatch.points import Point
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.process import START_SECONDS, Process
from phonon.ledger.budget import RateLimit, room
from phonon.ledger.schema import batches, sends
from planning.windows import INDIA, OFFICE_HOURS
from simulator import Fault, Kind

NewCampaign = Callable[..., Campaign]
Observe = Callable[[Callable[[Point], None]], None]
only_sqlite = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)


def test_everything_is_sent_and_accepted(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([3] * 20)
    assert campaign.send(campaign.plan()) is None
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": 60}


@only_sqlite
def test_when_the_window_closes_the_rest_is_sent_for_the_next_one(new_campaign: NewCampaign) -> None:
    # A send can take 24 s here, so from 18:59:36 on nothing may dial at once.
    clock = RunningClock(datetime(2026, 11, 24, 18, 59, 34, tzinfo=INDIA).timestamp())
    campaign = new_campaign([2] * 12, clock=clock, delay_seconds=0.4)
    assert campaign.send(campaign.plan(), window=OFFICE_HOURS, max_in_flight=1) is None
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": 24}
    assert campaign.phonon is not None
    dials = [call.dials_at for call in campaign.phonon.accepted()]
    assert all(OFFICE_HOURS.is_open(at) for at in dials)
    tomorrow = datetime(2026, 11, 25, 10, tzinfo=INDIA)
    assert {at for at in dials if at > tomorrow.replace(hour=0)} == {tomorrow}
    shown = {row["client_identifier"]: row["start_time"] for row in campaign.rows()}
    moved = [call.client_identifier for call in campaign.phonon.accepted() if call.start_time == tomorrow]
    assert moved
    assert all(shown[name] == tomorrow for name in moved)


@only_sqlite
def test_a_batch_that_was_unanswered_is_held_when_the_secret_has_changed(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([2, 2])
    interval = campaign.plan(endpoint=Endpoint.REALTIME)
    take_all(campaign.ledger, sendable(campaign.ledger, interval)[:1], by=sender(owner="elsewhere/1/1"))
    with campaign.ledger.transaction() as connection:
        connection.execute(update(batches).where(batches.c.state == "sending").values(lease_until=0))
    campaign.send(interval, security_id="Aa01" * 16)
    assert campaign.statuses() == {"held": 2, "accepted": 2}


@only_sqlite
def test_a_limit_that_was_lowered_splits_what_no_longer_fits(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([10], clock=RunningClock(speed=100))
    low = {endpoint: RateLimit(endpoint, "account", 6) for endpoint in Endpoint}
    assert campaign.send(campaign.plan(), limits=low) is None
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": 10}
    with campaign.ledger.transaction() as connection:
        assert connection.execute(select(sends.c.calls)).scalars().all() == [5, 5]


def test_when_nothing_can_be_reached_the_run_stops_and_nothing_is_lost(ledger_url: URL) -> None:
    campaign = Campaign(ledger_url, RunningClock(), None, [2] * 5)
    interval = campaign.plan()
    stopped = campaign.send(interval, max_unreachable=2)
    assert stopped is not None
    assert stopped.stop is Stop.UNREACHABLE
    assert campaign.statuses() == {"pending": 10}
    assert {found.past for found in sendable(campaign.ledger, interval)} == {"first"}
    with campaign.ledger.transaction() as connection:
        limit = rules().limits[Endpoint.BULK]
        assert room(connection, limit, [limit.per_minute], campaign.ledger.now(connection))[0] == 1
    campaign.ledger.close()


@only_sqlite
def test_above_the_limit_everybody_waits_and_the_run_ends_complete(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([2] * 10)
    assert campaign.phonon is not None
    campaign.phonon.inject(Fault(Kind.STATUS, status=429, headers={"Retry-After": "1"}, skip=2, times=2))
    assert campaign.send(campaign.plan()) is None
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": 20}
    with campaign.ledger.transaction() as connection:
        limit = rules().limits[Endpoint.BULK]
        singles = [1] * limit.per_minute
        assert room(connection, limit, singles, campaign.ledger.now(connection))[0] < limit.per_minute * 0.6


@only_sqlite
def test_the_first_batch_goes_alone(new_campaign: NewCampaign, observe: Observe) -> None:
    campaign = new_campaign([1] * 8, delay_seconds=0.3)
    phonon = campaign.phonon
    assert phonon is not None
    seen: list[int] = []
    observe(lambda point: seen.append(phonon.summary()["requests"]) if point is Point.AFTER_ANSWER else None)
    campaign.send(campaign.plan())
    assert seen[0] == 1
    assert max(seen[1:]) > 2


@only_sqlite
def test_an_api_that_only_fails_is_given_up_after_some_batches(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([2] * 10)
    assert campaign.phonon is not None
    campaign.phonon.inject(Fault(Kind.STATUS, status=500, times=None))
    stopped = campaign.send(campaign.plan(), max_unclear=3)
    assert stopped is not None
    assert stopped.stop is Stop.UNCLEAR
    campaign.assert_books_agree()
    assert campaign.statuses() == {"held": 6, "pending": 14}
    assert campaign.phonon.summary()["requests"] == 3


@only_sqlite
def test_on_bulk_a_failure_stays_unknown_when_a_later_send_is_refused_as_a_whole(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([2])
    assert campaign.phonon is not None
    campaign.phonon.inject(Fault(Kind.CODE, code=500, accept=True), Fault(Kind.CODE, code=212))
    interval = campaign.plan()
    resend = dict.fromkeys(Endpoint, UnknownPolicy.RESEND)
    stopped = campaign.send(interval, on_unknown=resend)
    assert stopped is not None
    assert stopped.stop is Stop.TOP_UP
    campaign.phonon.clear_faults()
    requests = campaign.phonon.summary()["requests"]
    assert campaign.send(interval) is None
    assert campaign.phonon.summary()["requests"] == requests
    campaign.assert_books_agree()
    assert campaign.statuses() == {"held": 2}


@only_sqlite
def test_an_account_without_money_stops_the_run_and_the_next_one_sends_the_rest(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([2] * 6)
    assert campaign.phonon is not None
    campaign.phonon.inject(Fault(Kind.CODE, code=212, skip=1, times=None))
    interval = campaign.plan()
    stopped = campaign.send(interval)
    assert stopped is not None
    assert (stopped.stop, stopped.code) == (Stop.TOP_UP, 212)
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": 2, "pending": 10}
    campaign.phonon.clear_faults()
    assert campaign.send(interval) is None
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": 12}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_whatever_ends_a_run_what_is_in_flight_is_waited_for_and_recorded(
    new_campaign: NewCampaign, observe: Observe, error: type[BaseException]
) -> None:
    campaign = new_campaign([2] * 20, delay_seconds=0.2)
    interval = campaign.plan()
    times = iter(range(100))

    def interrupt(point: Point) -> None:
        if point is Point.BEFORE_TAKE and next(times) == 2:
            raise error

    observe(interrupt)
    with pytest.raises(error):
        campaign.send(interval, max_in_flight=4)
    assert "sending" not in states(campaign.ledger).values()
    campaign.assert_books_agree()
    assert campaign.statuses()["held"] == 0
    assert campaign.phonon is not None
    assert len(campaign.phonon.accepted()) == campaign.statuses()["accepted"] > 2


@only_sqlite
def test_a_batch_of_bad_calls_is_split_until_each_is_refused_alone(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([8, 8], invalid_number_endings=("0000",))
    assert campaign.send(campaign.plan()) is None
    assert campaign.statuses() == {"refused": 16}
    campaign.assert_books_agree()


def test_a_send_does_not_start_long_after_it_was_decided_on_by_either_clock() -> None:
    process = Process()
    now = process.moment()
    assert process.may_start(now)
    assert not process.may_start(replace(now, monotonic=now.monotonic - START_SECONDS))
    assert not process.may_start(replace(now, wall=now.wall - START_SECONDS))


@only_sqlite
def test_a_sender_that_was_asleep_between_the_ledger_and_the_socket_does_not_send(
    new_campaign: NewCampaign, observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = new_campaign([2])
    interval = campaign.plan()
    monkeypatch.setattr("phonon.dispatch.process.START_SECONDS", 0.2)

    def wait(point: Point) -> None:
        if point is Point.AFTER_TAKE:
            time.sleep(0.3)

    observe(wait)
    stopped = campaign.send(interval, max_unreachable=1)
    assert stopped is not None
    assert stopped.stop is Stop.UNREACHABLE
    assert campaign.phonon is not None
    assert campaign.phonon.summary()["requests"] == 0
    assert campaign.statuses() == {"pending": 2}


@pytest.mark.parametrize("ledger_url", ["postgres"], indirect=True)
def test_a_sender_that_waited_long_for_the_budget_does_not_send(
    new_campaign: NewCampaign, observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = new_campaign([2])
    interval = campaign.plan()
    limit = rules().limits[Endpoint.BULK]
    monkeypatch.setattr("phonon.dispatch.process.START_SECONDS", 0.5)
    locked, waiting = threading.Event(), threading.Event()

    def hold_the_budget() -> None:
        with campaign.ledger.transaction() as connection:
            room(connection, limit, [1], campaign.ledger.now(connection))
            locked.set()
            waiting.wait(10)
            time.sleep(1)

    holder = threading.Thread(target=hold_the_budget)
    holder.start()
    locked.wait(10)
    observe(lambda point: waiting.set() if point is Point.BEFORE_TAKE else None)
    stopped = campaign.send(interval, max_unreachable=1)
    holder.join()
    assert stopped is not None
    assert stopped.stop is Stop.UNREACHABLE
    assert campaign.phonon is not None
    assert campaign.phonon.summary()["requests"] == 0
    assert campaign.statuses() == {"pending": 2}


@only_sqlite
def test_an_endless_429_stops_the_run_and_leaves_the_calls_pending(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([3])
    assert campaign.phonon is not None
    campaign.phonon.inject(Fault(Kind.STATUS, status=429, headers={"Retry-After": "0"}, times=None))
    stopped = campaign.send(campaign.plan(), max_throttled=2)
    assert stopped is not None
    assert "429" in stopped.reason
    assert campaign.statuses() == {"pending": 3}
