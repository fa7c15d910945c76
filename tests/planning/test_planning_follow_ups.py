"""Follow-ups: whom they call, and how often, by what the ledger knows of the followed campaign."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from ledger.promises import Clock
from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Past
from phonon.contacts.cleaning import ContactColumns
from phonon.ledger.followed import PastCall
from phonon.ledger.report import result_rows
from phonon.ledger.schema import batches, intervals
from phonon.ledger.states import BatchState, CallStatus
from phonon.ledger.store import Ledger
from phonon.planning.follow_ups import why_not
from phonon.planning.planner import Planner
from phonon.planning.rules import FollowUpRule, PlanningRules
from planning.windows import ALWAYS

_DAY = 86_400.0
_NOW = 1_000 * _DAY
_RULE = FollowUpRule("first", frozenset({CallStatus.REFUSED, CallStatus.EXPIRED}), frozenset({206, 208}), at_most=2)
_PEOPLE = pd.DataFrame({"id": ["a", "b", "c"], "mobile": ["919999900001", "919999900002", "919999900003"]})


def call(campaign: str, days_ago: float, status: CallStatus, code: int | None = None) -> PastCall:
    return PastCall(campaign, "a", _NOW - days_ago * _DAY, status, code)


EXPIRED = call("first", 3, CallStatus.EXPIRED)
CASES: list[tuple[list[PastCall], str | None]] = [
    ([], "not called by first in 7 days"),
    ([EXPIRED], None),
    ([call("first", 8, CallStatus.EXPIRED)], "not called by first in 7 days"),
    ([call("first", 3, CallStatus.REFUSED, 208)], None),
    ([call("first", 3, CallStatus.REFUSED, 205)], "refused with 205 in first"),
    ([call("first", 3, CallStatus.ACCEPTED)], "accepted in first"),
    ([call("first", 3, CallStatus.HELD)], "held in first"),
    ([EXPIRED, call("first", 2, CallStatus.ACCEPTED)], "accepted in first"),
    ([call("first", 4, CallStatus.ACCEPTED), EXPIRED], None),
    ([call("first", 0.5, CallStatus.EXPIRED)], "less than 1 day since the last call"),
    ([EXPIRED, call("second", 2, CallStatus.ACCEPTED)], None),
    ([EXPIRED, call("second", 0.5, CallStatus.ACCEPTED)], "less than 1 day since the last call"),
    ([EXPIRED, call("second", 2, CallStatus.HELD), call("second", 1, CallStatus.REFUSED)], "2 times already"),
    ([EXPIRED, call("second", 2, CallStatus.PENDING), call("second", 1, CallStatus.EXPIRED)], None),
    ([EXPIRED, call("second", 4, CallStatus.ACCEPTED), call("second", 5, CallStatus.ACCEPTED)], None),
]


@pytest.mark.parametrize(("calls", "reason"), CASES, ids=[str(reason) for _, reason in CASES])
def test_a_contact_is_followed_up_by_what_its_latest_call_was(calls: list[PastCall], reason: str | None) -> None:
    assert why_not(_RULE, _NOW, calls) == reason


@given(
    st.lists(st.floats(0, 20), min_size=1, max_size=40),
    st.integers(1, 4),
    st.integers(1, 72),
)
def test_whatever_the_runs_there_are_never_more_than_at_most_and_never_closer_than_apart(
    waits: list[float], at_most: int, apart_hours: int
) -> None:
    apart = timedelta(hours=apart_hours)
    rule = FollowUpRule("first", frozenset({CallStatus.EXPIRED}), at_most=at_most, apart=apart)
    calls = [PastCall("first", "a", 0.0, CallStatus.EXPIRED, None)]
    at = 0.0
    for hours in waits:
        at += hours * 3600
        if why_not(rule, at, calls) is None:
            calls.append(PastCall("second", "a", at, CallStatus.ACCEPTED, None))
    times = [each.at for each in calls]
    assert len(times) - 1 <= at_most
    assert all(later - earlier >= apart.total_seconds() for earlier, later in pairwise(times))
    assert times[-1] <= rule.within.total_seconds()


def plan(ledger: Ledger, campaign: str, key: str, follow_up: FollowUpRule | None = None) -> dict[str, str | None]:
    """Plan the people; gives the reason why each is not called, None for who is."""
    rules = PlanningRules(
        campaign, "abcdEF12", Endpoint.BULK, "1.0", ALWAYS, per_number=None, follow_up=follow_up, calls_per_batch=1
    )
    planner = Planner(
        ledger, rules, ContactColumns("id", ("mobile",), {}), run_id=key, log=logging.getLogger("planning")
    )
    interval = planner.plan(key, [_PEOPLE]).interval_id
    rows = [row for chunk in result_rows(ledger, interval, chunk_rows=100) for row in chunk]
    return {row["contact_id"]: row["reason"] for row in rows}


def became(ledger: Ledger, campaign: str, states: Sequence[BatchState], code: int | None = None) -> None:
    """Have the batches of a campaign, a contact each, end so."""
    with ledger.transaction() as connection:
        ids = connection.execute(
            select(batches.c.id)
            .join(intervals, intervals.c.id == batches.c.interval_id)
            .where(intervals.c.campaign == campaign)
            .order_by(batches.c.id)
        ).scalars()
        for batch_id, state in zip(list(ids)[-len(states) :], states, strict=True):
            changed = {"state": state, "past": Past.FIRST, "code": code if state is BatchState.REFUSED else None}
            connection.execute(update(batches).where(batches.c.id == batch_id).values(changed))


def test_only_those_are_planned_whose_call_failed_for_a_reason_that_passes(ledger: Ledger, clock: Clock) -> None:
    plan(ledger, "first", "day 1")
    became(ledger, "first", [BatchState.ACCEPTED, BatchState.REFUSED, BatchState.EXPIRED], code=208)
    clock.seconds += 1.5 * _DAY

    found = plan(ledger, "second", "day 2", _RULE)
    assert found == {"a": "follow-up: accepted in first", "b": None, "c": None}

    became(ledger, "second", [BatchState.ACCEPTED, BatchState.REFUSED], code=208)
    assert set(plan(ledger, "second", "an hour later", _RULE).values()) == {
        "follow-up: accepted in first",
        "follow-up: less than 1 day since the last call",
    }
    clock.seconds += 1.5 * _DAY
    assert plan(ledger, "second", "day 4", _RULE)["b"] is None
    became(ledger, "second", [BatchState.ACCEPTED, BatchState.ACCEPTED])
    clock.seconds += 1.5 * _DAY
    assert plan(ledger, "second", "day 5", _RULE)["b"] == "follow-up: 2 times already"


def test_what_nobody_sent_on_its_day_is_followed_up_though_nobody_noticed(ledger: Ledger, clock: Clock) -> None:
    plan(ledger, "first", "day 1")
    assert set(plan(ledger, "second", "day 1", _RULE).values()) == {"follow-up: pending in first"}
    clock.seconds += 2 * _DAY
    assert set(plan(ledger, "second", "day 3", _RULE).values()) == {None}


def test_a_campaign_that_never_ran_is_a_warning_and_nobody_is_called(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = plan(ledger, "second", "day 1", _RULE)
    assert set(found.values()) == {"follow-up: not called by first in 7 days"}
    assert "no call of a campaign first" in caplog.text
