"""What is not finished does not look finished to a real scheduler: held calls, and results that nobody can see."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from sqlalchemy import URL

from faults.airflow_campaign import CONTACTS, AirflowCampaign, AirflowOffice, Databases
from phonon.ledger.store import Ledger
from phonon.review.desk import Person, ReviewDesk
from simulator import Fault, Kind, When

pytestmark = pytest.mark.xdist_group("airflow")

_PLACES = Databases("sqlite", "duckdb")


def settle(campaign: AirflowCampaign) -> None:
    """Close what is held, as a person does at the desk."""
    ledger = Ledger(URL.create("sqlite", database=str(campaign.ledger)))
    desk = ReviewDesk(ledger)
    desk.close([case.batch_id for case in desk.waiting()], "asked Phonon", Person("asha", "desk"))
    ledger.close()


def test_a_run_with_held_calls_is_failed_until_they_are_settled(airflow: AirflowOffice) -> None:
    with airflow.campaign("held_is_red", _PLACES, keys={"approval": None}) as campaign:
        campaign.phonon.inject(Fault(Kind.RESET, when=When.AFTER, times=None))
        campaign.trigger()
        assert campaign.wait_for_end() == "failed"
        assert campaign.task("push_results")["state"] == "success"
        assert campaign.task("review_held")["state"] == "failed"
        assert campaign.statuses()["held"] == CONTACTS
        settle(campaign)
        campaign.client.clear(campaign.name, campaign.run_id, "review_held")
        campaign.wait_for_task("review_held", "success")
        assert campaign.wait_for_end() == "success"


def test_a_run_whose_results_nobody_can_see_is_failed(airflow: AirflowOffice) -> None:
    with airflow.campaign("unseen", _PLACES, keys={"approval": None}) as campaign:
        assert isinstance(campaign.warehouse, Path)
        with duckdb.connect(str(campaign.warehouse)) as connection:
            connection.execute("CREATE TABLE phonon_call_results (campaign INTEGER)")
        campaign.trigger()
        assert campaign.wait_for_end() == "failed"
        assert campaign.task("push_results")["state"] == "failed"
