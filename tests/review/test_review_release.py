"""Releasing: the calls go out again as new ones, under the rules of their campaign, and the books agree."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from dispatch.sending import Campaign, RunningClock
from ledger.promises import states
from phonon.errors import ConfigurationError
from phonon.ledger.schema import batches, decisions
from phonon.ledger.store import Ledger
from phonon.review.desk import ReviewDesk
from phonon.review.text import listing, story
from planning.windows import INDIA, OFFICE_HOURS
from review.holding import ASHA, hold, statuses
from simulator import Fault, Kind, When
from trial import Trial, leaks


def _lost(trial: Trial, when: When) -> ReviewDesk:
    """A whole run of which the first request was lost, before or after Phonon had it."""
    trial.phonon.inject(Fault(Kind.RESET, when=when))
    trial.run()
    assert trial.statuses()["held"] > 0
    return ReviewDesk(Ledger(trial.ledger_url))


def _release_all(desk: ReviewDesk, **options: Any) -> list[int]:
    ids = [case.batch_id for case in desk.waiting() if case.is_held]
    desk.release(ids, "not in Phonon's report", ASHA, **options)
    return ids


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_a_released_batch_is_sent_by_the_next_run_of_its_interval(
    new_trial: Callable[..., Trial], when: When
) -> None:
    trial = new_trial(contacts=30)
    desk = _lost(trial, when)
    _release_all(desk)
    trial.push()
    assert trial.statuses()["pending"] > 0
    waiting = [row for row in trial.results() if row["status"] == "pending"]
    assert all(row["reason"].startswith("released by asha on ") for row in waiting)
    trial.trigger("run-2")
    trial.push("run-2")
    assert trial.statuses() == {"accepted": 30}
    times = Counter(call.client_identifier for call in trial.phonon.accepted())
    # The warning is meant: what Phonon did receive is called a second time.
    expected = 1 if when is When.BEFORE else 2
    assert {times[row["client_identifier"]] for row in waiting} == {expected}
    if when is When.BEFORE:
        trial.assert_books_agree()


def test_a_batch_that_is_released_at_night_is_called_in_the_morning(new_campaign: Callable[..., Campaign]) -> None:
    evening = datetime(2026, 11, 24, 18, tzinfo=INDIA).timestamp()
    clock = RunningClock(start=evening)
    campaign = new_campaign([3], clock=clock)
    campaign.phonon.inject(Fault(Kind.RESET, when=When.BEFORE))
    interval = campaign.plan()
    campaign.send(interval, window=OFFICE_HOURS)
    assert campaign.statuses() == {"held": 3}
    clock.start += 4 * 3600
    _release_all(ReviewDesk(campaign.ledger))
    campaign.send(interval, window=OFFICE_HOURS)
    assert campaign.statuses() == {"accepted": 3}
    campaign.assert_books_agree()
    starts = {call.dials_at for call in campaign.phonon.accepted()}
    assert {f"{start:%d %H:%M:%S}" for start in starts} == {"25 10:00:00"}


def test_a_released_batch_that_is_held_again_can_be_released_again(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=5)
    desk = _lost(trial, When.BEFORE)
    for number in range(3):
        _release_all(desk)
        if number < 2:
            trial.phonon.inject(Fault(Kind.RESET, when=When.BEFORE))
        trial.trigger(f"run-{number + 2}")
    trial.push("run-4")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 5}
    bodies = (
        {request["checksum"] for request in trial.phonon.requests()} if hasattr(trial.phonon, "requests") else None
    )
    assert bodies is None or len(bodies) == 4


@pytest.mark.parametrize(
    ("ids", "note", "campaign", "said"),
    [
        ([], "why", None, "batches: name the batches"),
        ([1], "", None, "note: say why"),
        ([1], "  \n", None, "note: say why"),
        ([1], None, None, "note: say why"),
        ([1], "x" * 501, None, "at most 500 characters; found 501"),
        ([1], "asked 99999 00001", None, "could be a phone number"),
        ([1], "asked +91-9999900001 twice", None, "could be a phone number"),
        ([1, 9], "why", None, "There is no batch 9"),
        ([1, 3], "why", None, "Batch 3 is accepted already"),
        ([1, 2], "why", "another", r"not of campaign 'another': 1 \(of trial\), 2 \(of trial\)"),
    ],
)
@pytest.mark.parametrize("what", ["release", "close"])
def test_wrong_input_changes_nothing_at_all(
    ledger: Ledger, what: str, ids: list[int], note: str | None, campaign: str | None, said: str
) -> None:
    hold(ledger, 2, 2, 2)
    with ledger.transaction() as connection:
        connection.execute(update(batches).where(batches.c.id == 3).values(state="accepted"))
    before = states(ledger)
    desk = ReviewDesk(ledger)
    with pytest.raises(ConfigurationError, match=said) as raised:
        (desk.release if what == "release" else desk.close)(ids, note, ASHA, campaign)
    assert states(ledger) == before
    assert not leaks(str(raised.value))
    with ledger.transaction(read_only=True) as connection:
        assert connection.execute(select(decisions)).all() == []


@pytest.mark.parametrize("note", ["report of 2026-11-24 10:00:00", "ticket 12345678", "CASE-20261124-1"])
def test_a_note_may_hold_dates_and_tickets(ledger: Ledger, note: str) -> None:
    hold(ledger, 1)
    ReviewDesk(ledger).close([1], note, ASHA)
    assert states(ledger) == {1: "closed"}


def test_the_same_batch_named_twice_is_settled_once(ledger: Ledger) -> None:
    hold(ledger, 2)
    settled = ReviewDesk(ledger).release([1, 1], "why", ASHA)
    assert (settled.calls, settled.new_batches) == (2, {1: 2})
    assert statuses(ledger) == {"pending": 2}


def test_nothing_that_is_shown_holds_a_number(
    new_trial: Callable[..., Trial], caplog: pytest.LogCaptureFixture
) -> None:
    trial = new_trial(contacts=10)
    with caplog.at_level(logging.DEBUG):
        desk = _lost(trial, When.AFTER)
        before = listing(desk.waiting())
        ids = _release_all(desk)
        shown = "\n".join([before, *(story(each) for each in desk.look(ids)), caplog.text])
    assert "a person" in shown
    assert "made into" in shown
    assert not leaks(shown)
