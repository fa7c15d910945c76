"""A year of random campaigns on a simulated clock: nobody is ever called outside the hours."""

from __future__ import annotations

import hashlib
import logging
import os
import time as clock_of_the_process
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL

from ledger.promises import Clock, sendable
from phonon.api.endpoints import Endpoint
from phonon.api.request import encode_start_time, thaw
from phonon.api.verdict import Past
from phonon.calling_window import Outside
from phonon.campaign.model import Campaign
from phonon.campaign.start import StartAtTime
from phonon.contacts.cleaning import ContactColumns
from phonon.dispatch.admission import Go, Move, admit
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.rules import SendingRules
from phonon.ledger.budget import RateLimit
from phonon.ledger.outbox import Answered, Batch, Envelope, Outcome, Sender, freeze_anew, record, take
from phonon.ledger.report import result_rows
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planner
from phonon.planning.rules import PlanningRules
from phonon.planning.start_times import StartTimes
from planning.windows import INDIA, OFFICE_HOURS
from planning.year import Hours, asked_for, campaigns, moments

_SEND_SECONDS = 90.0
_LIMITS = {endpoint: RateLimit(endpoint, "account", 1_000_000) for endpoint in Endpoint}
_COLUMNS = ContactColumns("id", ("mobile",), {}, "at")
_ANSWERS = {
    "accepted": (BatchState.ACCEPTED, Past.REFUSED),
    "refused whole": (BatchState.PENDING, Past.REFUSED),
    "silence": (BatchState.UNKNOWN, Past.UNANSWERED),
}
_intervals = count()
_JUMPS = st.one_of(
    st.sampled_from([1, 60, 3600, 6 * 3600, 12 * 3600, 86_400]),
    st.integers(0, 3 * 86_400),
    st.just(-1),  # to a second past midnight in India
)


@pytest.fixture(params=["America/New_York", "Europe/London", "Australia/Lord_Howe"])
def worker(request: pytest.FixtureRequest) -> Iterator[str]:
    """The time zone of the machine that plans and sends."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    clock_of_the_process.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    clock_of_the_process.tzset()


@pytest.fixture(scope="module")
def ledger() -> Iterator[tuple[Ledger, Clock]]:
    """One for all examples, each of which has an interval of its own; with the clock that it reads."""
    clock = Clock()
    ledger = Ledger(URL.create("sqlite"), clock=clock)
    yield ledger, clock
    ledger.close()


_each_worker = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.usefixtures("worker")
@_each_worker
@given(campaigns(), moments(), st.data())
def test_every_planned_start_is_in_the_hours_on_no_holiday_and_not_past(
    drawn: tuple[Campaign, Hours], now: datetime, data: st.DataObject
) -> None:
    campaign, hours = drawn
    clock = campaign.start_at.clock if isinstance(campaign.start_at, StartAtTime) else None
    starts = StartTimes(campaign.calling_window, clock, now, campaign.window.outside)
    for value in data.draw(st.lists(asked_for(now), min_size=1, max_size=4)):
        start = starts.of(value)
        sent = datetime.fromisoformat(encode_start_time(start.at))
        assert sent == start.at
        assert hours.allow(sent)
        assert sent >= now.replace(microsecond=0)
        assert not start.dropped or campaign.window.outside is Outside.DROP


@pytest.mark.usefixtures("worker")
@_each_worker
@given(campaigns(), moments(), st.data())
def test_what_is_dropped_is_exactly_what_would_start_at_another_moment(
    drawn: tuple[Campaign, Hours], now: datetime, data: st.DataObject
) -> None:
    campaign, hours = drawn
    now = now.replace(microsecond=0)
    asked = data.draw(st.timedeltas(timedelta(), timedelta(days=30)).map(lambda ahead: now + ahead))
    asked = asked.replace(microsecond=0)
    starts = StartTimes(campaign.calling_window, None, now, Outside.DROP)
    last_minute = hours.allow(asked) and not hours.allow(asked + timedelta(seconds=60))
    is_a_day = (asked.astimezone(hours.zone).hour, asked.minute, asked.second) == (0, 0, 0)
    if not is_a_day:
        assert starts.of(asked).dropped is (not hours.allow(asked) or last_minute)


@pytest.mark.usefixtures("worker")
@_each_worker
@given(drawn=campaigns(), now=moments(), data=st.data())
def test_nothing_that_could_dial_outside_the_hours_is_ever_handed_over(
    ledger: tuple[Ledger, Clock], drawn: tuple[Campaign, Hours], now: datetime, data: st.DataObject
) -> None:
    campaign, hours = drawn
    world = World(ledger, campaign, hours, now)
    world.plan(data.draw(st.lists(asked_for(now), min_size=1, max_size=6)))
    for _ in range(data.draw(st.integers(1, 5))):
        world.send(data)
        if data.draw(st.integers(0, 3)) == 0:
            world.add_holidays(data.draw(st.integers(0, 2)))
        world.jump(data.draw(_JUMPS))
    world.check_the_books()


class World:
    """One interval of a campaign: its ledger, its sender, and a Phonon that dials as late as it can."""

    def __init__(self, ledger: tuple[Ledger, Clock], campaign: Campaign, hours: Hours, now: datetime) -> None:
        self.hours = hours
        self.ledger, self.clock = ledger
        self.clock.seconds = now.timestamp()
        self.rows = 0
        self.interval_id = 0
        self._campaign = campaign
        resend = dict.fromkeys(Endpoint, UnknownPolicy.RESEND)
        outside = campaign.window.outside
        self._rules = SendingRules(campaign.calling_window, _LIMITS, outside=outside, on_unknown=resend)
        self._handed_over: dict[str | None, int] = {}

    def plan(self, asked: list[Any]) -> None:
        campaign, start = self._campaign, self._campaign.start_at
        rules = PlanningRules(
            campaign=campaign.name,
            flow_id=campaign.flow_id,
            endpoint=campaign.endpoint,
            api_version="1.0",
            window=campaign.calling_window,
            outside=campaign.window.outside,
            start_at=start.clock if isinstance(start, StartAtTime) else None,
            per_number=None,
            calls_per_batch=2,
        )
        frame = pd.DataFrame(
            {
                "id": [f"C{i}" for i in range(len(asked))],
                "mobile": [f"91999990{i:04d}" for i in range(len(asked))],
                "at": pd.Series(asked, dtype=object),
            }
        )
        planner = Planner(self.ledger, rules, _COLUMNS, run_id="run-1", log=logging.getLogger("year"))
        planned = planner.plan(f"interval {next(_intervals)}", [frame])
        self.rows, self.interval_id = len(asked), planned.interval_id

    def send(self, data: st.DataObject) -> None:
        """Look at every batch until nothing more is decided now, as a sender does."""
        left: set[int] = set()
        looks = 0
        while found := [batch for batch in sendable(self.ledger, self.interval_id) if batch.id not in left]:
            for batch in found:
                self._look(batch, left, data)
            looks += 1
            assert looks < 50, "a sender that goes on deciding never ends"

    def add_holidays(self, ahead: int) -> None:
        """Somebody adds a holiday to the campaign, after its calls were planned."""
        today = datetime.fromtimestamp(self.clock.seconds, self.hours.zone).date()
        dates = self.hours.dates | {today + timedelta(days=ahead)}
        self.hours = replace(self.hours, dates=dates)
        window = self._rules.window
        self._rules = replace(self._rules, window=replace(window, holidays=replace(window.holidays, dates=dates)))

    def jump(self, seconds: int) -> None:
        if seconds < 0:
            at = datetime.fromtimestamp(self.clock.seconds, INDIA) + timedelta(days=1)
            self.clock.seconds = at.replace(hour=0, minute=0, second=1).timestamp()
        else:
            self.clock.seconds += seconds

    def check_the_books(self) -> None:
        shown = [row for chunk in result_rows(self.ledger, self.interval_id, chunk_rows=100) for row in chunk]
        assert len(shown) == self.rows
        for row in shown:
            times = self._handed_over.get(row.get("client_identifier"), 0)
            if row["status"] in {"suppressed", "invalid"}:
                assert times == 0
            if row["status"] == "accepted":
                assert times >= 1

    def _look(self, batch: Batch, left: set[int], data: st.DataObject) -> None:
        now = self.clock.seconds
        sha = hashlib.sha256(batch.frozen).hexdigest()
        envelope = Envelope(batch, sha, len(batch.frozen))
        admission = admit(envelope, self._rules, now, send_seconds=_SEND_SECONDS)
        with self.ledger.transaction() as connection:
            if isinstance(admission, Move):
                assert self._rules.outside is not Outside.DROP
                starts_at, not_after = admission.starts_at, admission.not_after
                freeze_anew(connection, batch, admission.frozen, starts_at=starts_at, not_after=not_after)
            elif isinstance(admission, Outcome):
                record(connection, [admission], run_id="run-1", now=now)
            elif isinstance(admission, Go):
                self._check(batch, now)
                sender = Sender("run-1", "year", _SEND_SECONDS)
                (taken,) = take(connection, [envelope], sender=sender, limit=_LIMITS[batch.endpoint], now=now).taken
                name = data.draw(st.sampled_from(sorted(_ANSWERS)))
                record(connection, [_answered(taken, name, now)], run_id="run-1", now=now)
                left.add(batch.id)
            else:
                left.add(batch.id)

    def _check(self, batch: Batch, now: float) -> None:
        """Whenever the request arrives, each call starts in the hours."""
        for arrival in (now, now + 15, now + _SEND_SECONDS):
            for call in thaw(batch.frozen):
                start = datetime.fromisoformat(call["start-time"]).timestamp()
                assert self.hours.allow(datetime.fromtimestamp(max(arrival, start), UTC))
            if self._rules.outside is Outside.WAIT:
                assert self.hours.allow(datetime.fromtimestamp(arrival, UTC))
        for call in thaw(batch.frozen):
            self._handed_over[call["client-identifier"]] = self._handed_over.get(call["client-identifier"], 0) + 1


def _answered(batch: Batch, name: str, now: float) -> Outcome:
    state, past = _ANSWERS[name]
    if batch.past.may_be_accepted and past is Past.REFUSED:
        state, past = BatchState.ACCEPTED, batch.past
    answered = Answered(sent=True, outcome=name, http_status=None if past is Past.UNANSWERED else 200)
    return Outcome(batch, state, past, name, batch.attempts + 1, answered, not_before=now)


def test_on_the_leap_day_and_at_month_ends_calls_start_as_on_other_days() -> None:
    campaign = Campaign.model_validate(
        {
            "name": "leap",
            "purpose": "service",
            "contacts": "SELECT 1",
            "contact_id": "id",
            "numbers": ["mobile"],
            "flow_id": "abcdEF12",
            "window": {"holidays": [date(2028, 3, 1)]},
        }
    )
    for day, expected in (("2028-02-28", "2028-02-29"), ("2028-02-29", "2028-03-02"), ("2026-12-31", "2027-01-01")):
        now = datetime.fromisoformat(f"{day}T21:00:00+05:30")
        start = StartTimes(campaign.calling_window, None, now).of(None)
        assert start.at == datetime.fromisoformat(f"{expected}T09:00:00+05:30")


def test_a_contact_that_comes_twice_is_repeated_even_where_its_second_call_would_be_dropped(
    ledger: tuple[Ledger, Clock],
) -> None:
    opened, clock = ledger
    clock.seconds = datetime(2026, 11, 24, 12, tzinfo=INDIA).timestamp()
    rules = PlanningRules("twice", "abcdEF12", Endpoint.BULK, "1.0", OFFICE_HOURS, Outside.DROP, per_number=None)
    chunks = [
        pd.DataFrame({"id": ["a", "b"], "mobile": ["919999900000", "919999900001"], "at": ["12:30", "22:00"]}),
        pd.DataFrame({"id": ["a", "b"], "mobile": ["919999900000", "919999900001"], "at": ["22:00", "12:30"]}),
    ]
    planner = Planner(opened, rules, _COLUMNS, run_id="run-1", log=logging.getLogger("year"))
    planned = planner.plan("day 1", chunks)
    assert (planned.planned, planned.suppressed, planned.invalid) == (1, 1, 2)
    shown = [row for chunk in result_rows(opened, planned.interval_id, chunk_rows=100) for row in chunk]
    assert sorted((row["contact_id"], row["status"], row["reason"]) for row in shown if row["reason"]) == [
        ("a", "invalid", "contact_id: repeated"),
        ("b", "invalid", "contact_id: repeated"),
        ("b", "suppressed", "outside the calling hours"),
    ]
