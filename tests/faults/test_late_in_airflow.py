"""Somebody unpauses a campaign, or just tries its dry run: the slot that was missed hours ago must call nobody."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from faults.airflow_campaign import CONTACTS, AirflowOffice, Databases
from faults.airflow_processes import wait_for
from phonon.campaign.purposes import INDIA

pytestmark = pytest.mark.xdist_group("airflow")


def test_the_slot_that_was_missed_hours_ago_calls_nobody(airflow: AirflowOffice) -> None:
    due = datetime.now(INDIA) - timedelta(hours=20, minutes=14)
    keys = {
        "schedule": f"{due.minute} {due.hour} * * *",
        "start_date": f"{due - timedelta(days=2):%Y-%m-%d}",
        "approval": None,
    }
    with airflow.campaign("unpaused", Databases("sqlite", "duckdb"), keys=keys) as campaign:
        campaign.wait_until_known()
        # The form of Airflow's UI does both, by default: it unpauses the Dag, and triggers the dry run.
        campaign.client.unpause(campaign.name)
        campaign.client.trigger(campaign.name, conf={"dry_run": True})

        def runs() -> dict[str, str]:
            return {run["run_type"]: run["state"] for run in campaign.client.runs(campaign.name)}

        wait_for(lambda: runs() == {"scheduled": "success", "manual": "success"}, "both runs have ended")
        assert campaign.phonon.summary()["requests"] == 0
        asked, late = sorted(campaign.outcomes())
        assert asked == "dry run"
        assert re.fullmatch(r"late: due 20 h \d\d min before", late)
        log = campaign.processes.task_logs(campaign.name)
        assert f"Nothing is sent: {late}" in log
        assert "To call these contacts now, trigger the Dag by hand" in log

        campaign.run_id = campaign.client.trigger(campaign.name)
        assert campaign.wait_for_end() == "success"
        assert campaign.statuses()["accepted"] == CONTACTS
