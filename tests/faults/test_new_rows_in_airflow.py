"""New rows of a table through a real triggerer, which is killed while rows come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from faults.airflow_campaign import AirflowCampaign, AirflowOffice, Databases
from faults.airflow_processes import AirflowProcesses, wait_for
from postgres_server import PostgresDatabase

pytestmark = pytest.mark.xdist_group("airflow")

_KEYS = {
    "schedule": {"new_rows": {"table": "leads", "cursor": "created_at", "every": "1s", "settle": "1s"}},
    "contacts": "SELECT id, mobile, name, created_at FROM leads; -- all of them",
}
_TRIGGERER = "triggerer"


@contextmanager
def triggerer(processes: AirflowProcesses) -> Iterator[None]:
    """The other tests of this Airflow need none."""
    processes.start_component(_TRIGGERER)
    try:
        yield
    finally:
        processes.kill_component(_TRIGGERER)


def insert(campaign: AirflowCampaign, *numbers: int) -> None:
    """Insert leads, each in a transaction of its own."""
    assert isinstance(campaign.warehouse, PostgresDatabase)
    for number in numbers:
        campaign.warehouse.execute(
            f"INSERT INTO leads VALUES ('L{number:03}', '9199999{number:05}', 'Asha', clock_timestamp())"
        )


def wait_for_calls(campaign: AirflowCampaign, count: int) -> None:
    wait_for(lambda: len(campaign.phonon.accepted()) >= count, f"{count} calls of {campaign.name}")


def wait_for_quiet(campaign: AirflowCampaign) -> None:
    """Wait until no run is left that has not succeeded."""

    def is_quiet() -> bool:
        states = {run["state"] for run in campaign.client.runs(campaign.name)}
        assert "failed" not in states, campaign.processes.task_logs(campaign.name)[-5000:]
        return states == {"success"}

    wait_for(is_quiet, f"the runs of {campaign.name} are over")


def test_each_row_is_called_once_although_the_triggerer_is_killed(airflow: AirflowOffice) -> None:
    with airflow.campaign("new_leads", Databases("sqlite", "postgres"), keys=_KEYS) as campaign:
        campaign.warehouse.execute("CREATE TABLE leads (id text, mobile text, name text, created_at timestamptz)")
        insert(campaign, 0, 1, 2)
        campaign.wait_until_known()
        with triggerer(airflow.processes):
            wait_for_quiet(campaign)  # the run that marks the beginning
            insert(campaign, *range(10, 15))
            wait_for_calls(campaign, 5)
            insert(campaign, *range(15, 18))
        insert(campaign, *range(20, 24))
        with triggerer(airflow.processes):
            wait_for_calls(campaign, 12)
            wait_for_quiet(campaign)
        expected = [f"L{number:03}" for number in (*range(10, 18), *range(20, 24))]
        assert [row["contact_id"] for row in campaign.results()] == expected
        assert campaign.statuses() == {"accepted": 12}
        assert len(campaign.phonon.accepted()) == 12
