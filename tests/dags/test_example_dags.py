"""Each example of the repository is run by Airflow, from warehouse to warehouse."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from airflow.dag_processing.dagbag import DagBag

from dag_world import DagWorld, run, states
from demo.world import PROJECT
from simulator import Fault, Kind


@pytest.mark.parametrize(
    ("campaign", "endpoint", "rows"),
    [("renewal_reminder", "bulk", 300), ("payment_nudge", "realtime", 36), ("service_feedback_hindi", "bulk", 200)],
)
def test_an_example_campaign_runs_and_its_books_agree(
    dag_world: DagWorld, campaign: str, endpoint: str, rows: int
) -> None:
    ended = dag_world.run(campaign)

    assert ended.state == "success"
    assert len(states(ended)) <= 12
    assert states(ended)["accepted"] == "success"
    assert states(ended)["top_up"] == "skipped"
    dag_world.assert_books_agree(campaign)
    results = dag_world.results(campaign)
    assert len(results) == rows
    assert {row["endpoint"] for row in results if row["status"] == "accepted"} == {endpoint}
    assert dag_world.statuses(campaign)["accepted"] > rows * 0.8


def test_the_reminder_finds_its_contacts_at_any_hour(any_hour: datetime, dag_world: DagWorld) -> None:
    """Each machine's and each clock's day is another; all of the demo is of India's."""
    assert dag_world.run("renewal_reminder").state == "success"

    assert len(dag_world.results("renewal_reminder")) == 300
    dag_world.assert_books_agree("renewal_reminder")


def test_a_run_without_a_logical_date_calls_the_same_contacts(dag_world: DagWorld) -> None:
    """As ``airflow dags trigger``, the API, an asset or another Dag starts one."""
    ended = dag_world.run_without_date("renewal_reminder")

    assert ended.logical_date is None
    assert ended.state == "success"
    assert len(dag_world.results("renewal_reminder")) == 300
    dag_world.assert_books_agree("renewal_reminder")


def test_hindi_values_and_alternates_arrive_unescaped(dag_world: DagWorld) -> None:
    dag_world.run("service_feedback_hindi")

    keys = [dict(call.keys) for call in dag_world.phonon.accepted()]
    assert "आशा" in {key["$flow.key.Naam"] for key in keys}
    assert all(key["$flow.key.ClientIdentifier"] for key in keys)


def test_the_whole_folder_of_dags_is_read_and_a_dag_of_it_runs(dag_world: DagWorld) -> None:
    bag = DagBag(str(PROJECT / "dags"))
    assert not bag.import_errors
    assert {"phonon_held_batches", "phonon_pause", "phonon_ledger_maintenance", "payment_nudge"} <= set(bag.dags)
    assert {"renewal_reminder", "renewal_second_try", "service_feedback_hindi"} <= set(bag.dags)
    assert "example_outbound_operator" in bag.dags
    assert run(bag.dags["payment_nudge"]).state == "success"
    dag_world.assert_books_agree("payment_nudge")


def test_the_hand_written_dag_runs_and_counts_its_calls(dag_world: DagWorld) -> None:
    ended = dag_world.run("example_outbound_operator")

    assert ended.state == "success"
    dag_world.assert_books_agree("welcome_calls")
    assert dag_world.statuses("welcome_calls") == {"accepted": 40}


def test_a_second_run_over_the_interval_calls_nobody(dag_world: DagWorld) -> None:
    first = dag_world.run("payment_nudge")
    calls = len(dag_world.phonon.accepted())
    dag_world.run("payment_nudge", at=first.logical_date)

    assert len(dag_world.phonon.accepted()) == calls
    dag_world.assert_books_agree("payment_nudge")


def test_those_whom_the_reminder_did_not_reach_are_followed_up_once_it_is_time(dag_world: DagWorld) -> None:
    dag_world.phonon.inject(Fault(Kind.CODE, code=208, times=None))
    dag_world.run("renewal_reminder")
    refused = dag_world.statuses("renewal_reminder")["refused"]
    assert refused > 200
    dag_world.phonon.clear_faults()

    ended = dag_world.run("renewal_second_try")

    assert ended.state == "success"
    reasons = Counter(row["reason"] for row in dag_world.results("renewal_second_try"))
    assert reasons["follow-up: less than 1 day since the last call"] == refused
    assert dag_world.phonon.accepted() == []
