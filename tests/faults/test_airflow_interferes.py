"""What people and crashes do to Airflow while a task sends: marked failed, the scheduler killed, no warehouse."""

from __future__ import annotations

import pytest

from faults.airflow_campaign import CONTACTS, AirflowOffice, Databases
from simulator import Fault, Kind

pytestmark = pytest.mark.xdist_group("airflow")

_PATIENT = {"timeout": {"connect": 2, "read": 20}}
_SENDS = "trigger_calls"


@pytest.mark.parametrize(
    ("endpoint", "answer_seconds", "recorded"),
    [("bulk", 2.0, True), ("bulk", 60.0, False), ("realtime", 60.0, False)],
)
def test_a_task_marked_failed_while_it_sends_loses_nobody_and_once_cleared_sends_the_rest(
    airflow: AirflowOffice, endpoint: str, answer_seconds: float, *, recorded: bool
) -> None:
    name = f"marked_failed_{endpoint}_{answer_seconds:.0f}"
    databases = Databases("sqlite", "duckdb") if recorded else Databases("postgres", "postgres")
    with airflow.campaign(name, databases, endpoint=endpoint, extra=_PATIENT) as campaign:
        campaign.phonon.inject(Fault(Kind.SLOW, seconds=answer_seconds, skip=1, times=4))
        campaign.trigger()
        # The first batch goes alone, then four.
        campaign.wait_for_calls(25)

        airflow.client.mark_failed(campaign.name, campaign.run_id, _SENDS)

        assert campaign.wait_for_end() == "failed"
        campaign.assert_books_agree()
        assert campaign.statuses()["pending"] == CONTACTS - 25

        airflow.client.clear(campaign.name, campaign.run_id, _SENDS)

        is_held = endpoint == "bulk" and not recorded
        assert campaign.wait_for_end() == ("failed" if is_held else "success")
        campaign.assert_books_agree()
        statuses = campaign.statuses()
        if recorded:
            assert statuses == {"accepted": CONTACTS}
        elif endpoint == "realtime":
            assert statuses == {"accepted": 20, "accepted_earlier": 20}
        else:
            assert statuses == {"accepted": 20, "held": 20}


def test_a_run_whose_scheduler_is_killed_and_started_again_ends_well(airflow: AirflowOffice) -> None:
    with airflow.campaign("scheduler_killed", Databases("postgres", "duckdb"), extra=_PATIENT) as campaign:
        campaign.phonon.inject(Fault(Kind.SLOW, seconds=6, skip=1, times=None))
        campaign.trigger()
        campaign.wait_for_calls(25)

        airflow.processes.kill_component("scheduler")
        airflow.processes.start_component("scheduler")

        state = campaign.wait_for_end()
        campaign.assert_books_agree()
        statuses = campaign.statuses()
        assert statuses["accepted"] + statuses["held"] == CONTACTS
        assert state == ("failed" if statuses["held"] else "success")


def test_a_push_without_a_warehouse_is_repeated_by_airflow_until_the_table_is_right(airflow: AirflowOffice) -> None:
    with airflow.campaign("warehouse_gone", Databases("sqlite", "duckdb")) as campaign:
        campaign.phonon.inject(Fault(Kind.SLOW, seconds=1))
        campaign.trigger()
        campaign.wait_for_calls(5)
        folder = campaign.warehouse.parent
        elsewhere = folder.rename(folder.with_name("elsewhere"))

        campaign.wait_for_task("push_results", "up_for_retry")
        elsewhere.rename(folder)

        assert campaign.wait_for_end() == "success"
        assert campaign.task("push_results")["try_number"] > 1
        campaign.assert_books_agree()
        assert campaign.statuses() == {"accepted": CONTACTS}
