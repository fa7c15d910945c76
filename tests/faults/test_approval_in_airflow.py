"""A person approves or rejects in the Airflow UI, through the REST API that it uses."""

from __future__ import annotations

import time

import pytest

from faults.airflow_campaign import CONTACTS, AirflowCampaign, AirflowOffice, Databases
from faults.airflow_processes import wait_for
from trial import leaks

pytestmark = pytest.mark.xdist_group("airflow")

_GATE = {"approval": {"above": 10, "wait": "10m"}}
_ASKS = "approve"
_READING_SECONDS = 3.0


def asked(campaign: AirflowCampaign) -> None:
    """Wait until a person is asked, with nothing sent, and look at the question."""
    campaign.wait_for_task(_ASKS, "awaiting_input")
    question = campaign.client.question(campaign.name, campaign.run_id, _ASKS)
    assert "send 40 calls" in question["subject"]
    assert "more than 10 have to be approved" in question["body"]
    assert "| 40 | 8 |" in question["body"]
    assert not leaks(question["subject"] + question["body"])
    assert campaign.phonon.summary()["requests"] == 0


def answered(campaign: AirflowCampaign, option: str) -> str:
    """Answer as slowly as a person, and wait for the end of the run; gives its state.

    An answer that comes while Airflow is still ending the process that asked makes it ask a second time.
    """
    seen: dict[int, float] = {}

    def has_ended() -> bool:
        task = campaign.task(_ASKS)
        asked_at = seen.setdefault(task["try_number"], time.monotonic())
        if task["state"] == "awaiting_input" and time.monotonic() - asked_at > _READING_SECONDS:
            campaign.client.answer(campaign.name, campaign.run_id, _ASKS, option)
        return campaign.client.has_ended(campaign.name, campaign.run_id)

    wait_for(has_ended, "the run has ended")
    return campaign.client.run_state(campaign.name, campaign.run_id)


def test_an_approved_run_sends_everything_once(airflow: AirflowOffice) -> None:
    with airflow.campaign("approved", Databases("postgres", "duckdb"), keys=_GATE) as campaign:
        campaign.trigger()
        asked(campaign)
        assert answered(campaign, "Approve") == "success"
        campaign.assert_books_agree()
        assert campaign.statuses() == {"accepted": CONTACTS}

        # What was approved needs no second approval.
        campaign.client.clear(campaign.name, campaign.run_id, _ASKS)
        assert campaign.wait_for_end() == "success"
        assert campaign.statuses() == {"accepted": CONTACTS}


def test_a_rejected_run_sends_nothing_says_so_and_can_be_run_again(airflow: AirflowOffice) -> None:
    with airflow.campaign("rejected", Databases("sqlite", "postgres"), keys=_GATE) as campaign:
        campaign.trigger()
        asked(campaign)
        assert answered(campaign, "Reject") == "failed"
        rows = campaign.results()
        assert {(row["status"], row["reason"].partition(" by ")[0]) for row in rows} == {("suppressed", "rejected")}
        assert len(rows) == CONTACTS
        assert campaign.phonon.summary()["requests"] == 0

        campaign.client.clear(campaign.name, campaign.run_id, "extract_and_batch")
        asked(campaign)
        assert answered(campaign, "Approve") == "success"
        campaign.assert_books_agree()
        assert campaign.statuses() == {"accepted": CONTACTS}


def test_a_run_that_nobody_answers_is_rejected_when_its_time_is_over(airflow: AirflowOffice) -> None:
    gate = {"approval": {"above": 10, "wait": "1s"}}
    with airflow.campaign("unanswered", Databases("sqlite", "duckdb"), keys=gate) as campaign:
        campaign.trigger()
        assert campaign.wait_for_end() == "failed"
        wait_for(lambda: len(campaign.results()) == CONTACTS, "the results are pushed")
        assert {row["reason"] for row in campaign.results()} == {"rejected: nobody answered within 1s"}
        assert campaign.phonon.summary()["requests"] == 0
