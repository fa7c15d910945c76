"""Stopping in the middle: the pause switch, a process that is told to end, and its grace time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dispatch.sending import Campaign
from ledger.promises import states
from phonon.dispatch.dispatcher import Stop
from phonon.dispatch.points import Point
from phonon.dispatch.process import Ending
from phonon.ledger.pauses import EVERYTHING, pause, resume
from simulator import Fault, Kind, When

NewCampaign = Callable[..., Campaign]
Observe = Callable[[Callable[[Point], None]], None]


def _switch(campaign: Campaign, scope: str) -> None:
    with campaign.ledger.transaction() as connection:
        pause(connection, scope, by="asha", reason="wrong list", now=campaign.ledger.now(connection))


def _after(times: int, point: Point, action: Callable[[], None]) -> Callable[[Point], None]:
    """Does something when a point is reached for the given time."""
    left = times

    def observer(reached: Point) -> None:
        nonlocal left
        left -= reached is point
        if left == 0 and reached is point:
            action()

    return observer


@pytest.mark.parametrize("scope", [EVERYTHING, "trial"])
def test_a_pause_is_seen_before_the_next_batch_is_taken(
    new_campaign: NewCampaign, observe: Observe, scope: str
) -> None:
    campaign = new_campaign([1] * 8)
    observe(_after(3, Point.BEFORE_TAKE, lambda: _switch(campaign, scope)))
    interval = campaign.plan()
    stopped = campaign.send(interval, max_in_flight=1)
    assert stopped is not None
    assert stopped.stop is Stop.PAUSED
    assert "by asha" in stopped.reason
    assert "wrong list" in stopped.reason
    assert campaign.statuses() == {"accepted": 2, "pending": 6}
    campaign.assert_books_agree()

    with campaign.ledger.transaction() as connection:
        assert resume(connection, scope, by="asha", now=campaign.ledger.now(connection))
    assert campaign.send(interval) is None
    assert campaign.statuses() == {"accepted": 8}
    campaign.assert_books_agree()


def test_what_is_in_flight_when_a_pause_is_set_is_recorded(new_campaign: NewCampaign, observe: Observe) -> None:
    campaign = new_campaign([1] * 10, delay_seconds=0.2)
    observe(_after(2, Point.AFTER_TAKE, lambda: _switch(campaign, EVERYTHING)))
    stopped = campaign.send(campaign.plan(), max_in_flight=4)
    assert stopped is not None
    assert stopped.stop is Stop.PAUSED
    assert campaign.statuses() == {"accepted": 5, "pending": 5}
    campaign.assert_books_agree()


def test_a_pause_of_another_campaign_changes_nothing(new_campaign: NewCampaign) -> None:
    campaign = new_campaign([1] * 3)
    _switch(campaign, "another")
    assert campaign.send(campaign.plan()) is None
    assert campaign.statuses() == {"accepted": 3}


def test_a_sender_that_is_told_to_end_records_what_is_in_flight_and_leaves_the_rest(
    new_campaign: NewCampaign, observe: Observe
) -> None:
    campaign = new_campaign([1] * 10, delay_seconds=0.2)
    ending = Ending()
    observe(_after(2, Point.AFTER_TAKE, lambda: setattr(ending, "asked", True)))
    stopped = campaign.send(campaign.plan(), ending=ending, max_in_flight=4)
    assert stopped is not None
    assert stopped.stop is Stop.ENDED
    assert campaign.statuses() == {"accepted": 5, "pending": 5}
    campaign.assert_books_agree()


def test_answers_that_do_not_come_within_the_grace_time_are_recorded_as_unknown(
    new_campaign: NewCampaign, observe: Observe
) -> None:
    campaign = new_campaign([1] * 6)
    assert campaign.phonon is not None
    campaign.phonon.inject(Fault(Kind.NO_ANSWER, when=When.AFTER, skip=1, times=None))
    ending = Ending()
    observe(_after(2, Point.AFTER_TAKE, lambda: setattr(ending, "asked", True)))
    stopped = campaign.send(campaign.plan(), ending=ending, max_in_flight=3, grace_seconds=0.3, read_seconds=60.0)
    assert stopped is not None
    assert stopped.stop is Stop.ENDED
    assert sorted(states(campaign.ledger).values()) == ["accepted", *["held"] * 3, *["pending"] * 2]
    campaign.assert_books_agree()
