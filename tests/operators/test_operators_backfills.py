"""What a run of a backfill does, by the mode and the age that its campaign allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.desk import PEOPLE, Desk, leaked
from phonon.campaign.purposes import Purpose
from simulator import Fault, Kind

NOW = datetime.now(UTC)
YOUNG = NOW - timedelta(days=1, hours=23)
OLD = NOW - timedelta(days=2, minutes=1)


def backfill(ended: datetime | None, **fields: object) -> dict[str, Any]:
    """A run of a backfill over the interval that ended then."""
    start = None if ended is None else ended - timedelta(days=1)
    interval = {"data_interval_start": start, "data_interval_end": ended, "logical_date": start}
    return {"run_type": "backfill", **interval, **fields}


def reasons(desk: Desk) -> set[tuple[str, str]]:
    """The statuses in the results, each with its reason."""
    return set(desk.sql("SELECT DISTINCT status, reason FROM phonon_call_results"))


def outcomes(desk: Desk) -> list[str]:
    """The outcomes of the runs so far."""
    return [outcome for (outcome,) in desk.sql("SELECT outcome FROM phonon_campaign_runs ORDER BY recorded_at")]


def test_a_backfill_over_a_young_interval_calls(desk: Desk) -> None:
    desk.dag_run = backfill(YOUNG)
    desk.outbound()
    desk.outbound()  # and once
    assert desk.statuses() == {"accepted": PEOPLE}
    assert len(desk.phonon.accepted()) == PEOPLE
    assert outcomes(desk) == ["completed"]


def test_a_backfill_over_an_old_interval_sends_nothing_claims_nobody_and_says_why(desk: Desk) -> None:
    desk.dag_run = backfill(OLD)
    desk.outbound()
    assert desk.phonon.summary()["requests"] == 0
    assert reasons(desk) == {("dry_run", "backfill: older than 2 days")}
    assert outcomes(desk) == ["backfill: older than 2 days"]

    desk.outbound(backfill={"max_age": "3d"})
    assert desk.statuses() == {"accepted": PEOPLE}


def test_a_backfill_sends_nothing_of_what_a_run_over_the_old_interval_left(desk: Desk) -> None:
    desk.dag_run = backfill(OLD, run_type="scheduled")
    desk.phonon.inject(Fault(Kind.CODE, code=212))
    with pytest.raises(AirflowFailException, match=f"{PEOPLE} calls are pending"):
        desk.outbound()

    desk.dag_run = backfill(OLD)
    desk.outbound()

    assert desk.phonon.summary()["requests"] == 1
    assert desk.statuses() == {"pending": PEOPLE}


def test_an_interval_without_an_end_is_too_old(desk: Desk) -> None:
    desk.dag_run = backfill(None)
    desk.outbound()
    assert reasons(desk) == {("dry_run", "backfill: of unknown age")}


def test_only_backfills_are_asked_for_their_age(desk: Desk) -> None:
    desk.dag_run = backfill(OLD, run_type="manual")
    desk.outbound()
    assert desk.statuses() == {"accepted": PEOPLE}


def test_a_campaign_may_have_all_its_backfills_only_planned(desk: Desk) -> None:
    desk.dag_run = backfill(YOUNG)
    desk.outbound(backfill={"mode": "dry_run"})
    assert desk.phonon.summary()["requests"] == 0
    assert reasons(desk) == {("dry_run", "backfill: dry run")}
    assert outcomes(desk) == ["backfill: dry run"]


def test_a_campaign_that_refuses_backfills_plans_nothing_in_one(desk: Desk) -> None:
    desk.dag_run = backfill(YOUNG)
    with pytest.raises(AirflowFailException, match=r"desk refuses backfills \(backfill.mode\)"):
        desk.outbound(backfill={"mode": "refuse"})
    assert desk.sql("SHOW TABLES") == [("people",)]
    assert desk.phonon.summary()["requests"] == 0


def test_the_reason_that_a_person_gave_stays(desk: Desk) -> None:
    desk.dag_run = backfill(OLD)
    desk.outbound(dry_run=True)
    assert reasons(desk) == {("dry_run", "dry run")}
    assert outcomes(desk) == ["dry run"]


def test_calls_of_a_past_interval_start_now_or_in_the_next_window_never_in_the_past_or_at_night(desk: Desk) -> None:
    """Wherever their rows say: long ago, in the night between two windows, or nowhere."""
    long_ago, tonight = f"TIMESTAMP '{YOUNG:%Y-%m-%d} 11:00'", f"TIMESTAMP '{NOW:%Y-%m-%d} 23:30'"
    starts = f"CASE id WHEN 'C1' THEN {long_ago} WHEN 'C2' THEN {tonight} END"
    desk.dag_run = backfill(YOUNG)
    desk.outbound(contacts=f"SELECT id, mobile, name, {starts} AS at FROM people", start_at="at")
    window = Purpose.PROMOTIONAL.preset
    calls = desk.phonon.accepted()
    assert len(calls) == PEOPLE
    assert all(call.dials_at >= NOW.replace(microsecond=0) and window.is_open(call.dials_at) for call in calls)


@pytest.mark.parametrize(
    ("fields", "keys", "told"),
    [
        ({}, {}, "calls. Of 12 contacts: 12 calls planned in 1 batch, 0 planned by an earlier run, 0 suppressed"),
        ({}, {"limit": 5}, "calls. Of 12 contacts: 5 calls planned in 1 batch, 0 planned by an earlier run, 7"),
        (
            {},
            {"dry_run": True, "limit": 5},
            "sends nothing (dry run). Of 12 contacts: 5 would be called, 0 planned",
        ),
        ({}, {"test_numbers": ["9199999 00001"]}, "calls 1 test number. Of 12 contacts: 1 call planned in 1"),
        (backfill(OLD), {}, "sends nothing (backfill: older than 2 days). Of 12 contacts: 12 would be called, 0"),
    ],
    ids=["call", "limit", "dry run", "test numbers", "old backfill"],
)
def test_what_a_run_decided_is_an_xcom_and_goes_with_its_results(
    desk: Desk, fields: dict[str, Any], keys: dict[str, Any], told: str
) -> None:
    desk.dag_run = fields
    desk.outbound(**keys)
    decision = desk.xcoms["decision"]
    assert told in decision
    assert decision.startswith(f"{fields.get('run_type', 'manual')} run over ")
    (event,) = desk.events.values()
    assert event.extra["decision"] == decision
    assert leaked(decision) == []
