"""A scheduled run that begins long after it was due calls nobody, unless its campaign says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.desk import PEOPLE, START, Desk
from phonon.hooks.ledger import open_ledger
from phonon.ledger.retention import Retention, forget

_LATE = timedelta(hours=20, minutes=14)
_REASON = "late: due 20 h 14 min before"


def begun(after: timedelta, *, run_type: str = "scheduled") -> dict[str, Any]:
    """A run that began so long after it was due."""
    return {"run_type": run_type, "run_after": START, "start_date": START + after}


def outcomes(desk: Desk) -> list[str]:
    return [outcome for (outcome,) in desk.sql("SELECT outcome FROM phonon_campaign_runs")]


def test_a_run_that_begins_in_time_calls(desk: Desk) -> None:
    desk.dag_run = begun(timedelta(hours=2))
    desk.outbound()
    assert desk.statuses() == {"accepted": PEOPLE}
    assert outcomes(desk) == ["completed"]


def test_a_late_run_sends_nothing_says_so_and_how_to_call_now(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.dag_run = begun(_LATE)
    desk.outbound()
    assert desk.phonon.summary()["requests"] == 0
    assert desk.sql("SELECT DISTINCT reason FROM phonon_call_results") == [(_REASON,)]
    assert outcomes(desk) == [_REASON]
    assert (
        f"Nothing is sent: {_REASON}. To call these contacts now, trigger the Dag by hand"
        in capsys.readouterr().out
    )


def test_what_a_late_run_says_to_do_calls_them(desk: Desk) -> None:
    desk.dag_run = begun(_LATE)
    desk.outbound()
    desk.dag_run = begun(_LATE, run_type="manual")
    desk.outbound()
    assert desk.statuses() == {"accepted": PEOPLE}


@pytest.mark.parametrize("late", [{"then": "call"}, {"after": "21h"}])
def test_a_campaign_may_call_late(desk: Desk, late: dict[str, str]) -> None:
    desk.dag_run = begun(_LATE)
    desk.outbound(late=late)
    assert desk.statuses() == {"accepted": PEOPLE}


def test_a_campaign_may_refuse_to_run_late(desk: Desk) -> None:
    desk.dag_run = begun(_LATE)
    with pytest.raises(AirflowFailException, match=rf"^To call these contacts now[^\n]*\n.*it is {_REASON}"):
        desk.outbound(late={"then": "refuse"})
    assert desk.phonon.summary()["requests"] == 0


def test_a_clear_of_a_run_that_began_in_time_is_not_late(desk: Desk) -> None:
    desk.dag_run = begun(timedelta(minutes=1))
    desk.sql("ALTER TABLE people RENAME TO moved")
    with pytest.raises(AirflowFailException):
        desk.outbound()
    desk.sql("ALTER TABLE moved RENAME TO people")
    desk.dag_run = begun(_LATE)  # what Airflow says of the same run after it was cleared
    desk.outbound()
    assert desk.statuses() == {"accepted": PEOPLE}


def test_a_clear_of_a_late_run_is_still_late(desk: Desk) -> None:
    for after in (_LATE, timedelta(minutes=1)):
        desk.dag_run = begun(after)
        desk.outbound()
    assert desk.phonon.summary()["requests"] == 0


@pytest.mark.parametrize("run_type", ["manual", "asset_triggered", "operator_triggered"])
def test_only_a_scheduled_run_is_due_at_a_moment(desk: Desk, run_type: str) -> None:
    desk.dag_run = begun(_LATE, run_type=run_type)
    desk.outbound()
    assert desk.statuses() == {"accepted": PEOPLE}


def test_a_dry_run_that_a_person_asked_for_stays_one(desk: Desk) -> None:
    desk.dag_run = begun(_LATE)
    desk.outbound(dry_run=True)
    assert desk.sql("SELECT DISTINCT reason FROM phonon_call_results") == [("dry run",)]


def test_the_ledger_forgets_when_old_runs_began(desk: Desk) -> None:
    desk.dag_run = begun(timedelta(days=-1000))
    desk.outbound()
    ledger = open_ledger()
    forget(ledger, Retention())
    with ledger.transaction() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM phonon_ledger_run_starts").scalar_one() == 0
    ledger.close()
