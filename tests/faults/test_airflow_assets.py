"""Campaigns that assets start: another Dag's, and an outside system that sends what docs/triggers.md says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import duckdb
import pytest

from docs.snippets import PROJECT, snippets
from faults.airflow_campaign import CONTACTS, AirflowCampaign, AirflowOffice, Databases
from faults.airflow_processes import wait_for

pytestmark = pytest.mark.xdist_group("airflow")

_ASSET = "duckdb://warehouse/renewals"
_EVENT, _EVENT_OF_PARTITION = (
    json.loads(each.text) for each in snippets(PROJECT / "docs" / "triggers.md") if each.kind == "json"
)
_OF_DAY = "SELECT id, mobile, name FROM people WHERE '{{ partition_key }}' = '2026-11-24' ORDER BY id"
# An asset starts runs without a logical date.
_OF_TODAY = "SELECT id, mobile, name FROM people WHERE '{{ run_date }}' = '{{ run_time.date() }}' ORDER BY id"
_KEYS = {
    "renewals": {"schedule": {"asset": _ASSET}, "contacts": _OF_TODAY},
    "renewals_next": {"schedule": {"asset": "phonon://renewals/results"}},
    "renewals_by_day": {"schedule": {"asset": _ASSET, "partitioned": True}, "contacts": _OF_DAY},
}


@pytest.fixture(scope="module")
def campaigns(airflow: AirflowOffice) -> Iterator[dict[str, AirflowCampaign]]:
    databases = Databases("sqlite", "duckdb")
    with ExitStack() as stack:
        made = {
            name: stack.enter_context(airflow.campaign(name, databases, keys=keys)) for name, keys in _KEYS.items()
        }
        for campaign in made.values():
            campaign.wait_until_known()
        yield made


def post(campaign: AirflowCampaign, event: Mapping[str, Any]) -> None:
    """Send an event, with the number that the asset has here."""
    campaign.client.post_asset_event({**event, "asset_id": campaign.client.asset(_ASSET)["id"]})


def wait_for_runs(campaign: AirflowCampaign, count: int) -> None:
    """Wait until so many runs have succeeded; the campaign's run is the last of them."""

    def have_ended() -> bool:
        runs = campaign.client.runs(campaign.name)
        assert "failed" not in {run["state"] for run in runs}, campaign.processes.task_logs(campaign.name)[-5000:]
        return [run["state"] for run in runs] == ["success"] * count

    wait_for(have_ended, f"{count} runs of {campaign.name}")
    campaign.run_id = max(campaign.client.runs(campaign.name), key=lambda run: str(run["run_after"]))["dag_run_id"]


def test_an_outside_system_starts_a_campaign_whose_results_start_another(
    campaigns: dict[str, AirflowCampaign],
) -> None:
    first, second = campaigns["renewals"], campaigns["renewals_next"]

    post(first, _EVENT)

    for campaign in (first, second):
        wait_for_runs(campaign, 1)
        campaign.assert_books_agree()
        assert campaign.statuses() == {"accepted": CONTACTS}
        assert {row["interval_key"] for row in campaign.results()} == {campaign.run_id}
        assert campaign.run_id.startswith("asset_triggered__")
    (event,) = first.client.events_that_started(first.name, first.run_id)
    assert event["extra"].items() >= _EVENT["extra"].items()
    assert first.client.runs("renewals_by_day") == []  # the event named no partition


def test_a_partition_that_is_delivered_again_is_called_once_and_who_is_new_in_it(
    campaigns: dict[str, AirflowCampaign],
) -> None:
    campaign = campaigns["renewals_by_day"]
    post(campaign, _EVENT_OF_PARTITION)
    wait_for_runs(campaign, 1)
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": CONTACTS}

    with duckdb.connect(str(campaign.warehouse)) as connection:
        connection.execute("INSERT INTO people VALUES ('new', '9999977777', 'Ravi')")
    post(campaign, _EVENT_OF_PARTITION)

    wait_for_runs(campaign, 2)
    assert campaign.statuses() == {"accepted": CONTACTS + 1}
    assert len(campaign.phonon.accepted()) == CONTACTS + 1
    assert {row["interval_key"] for row in campaign.results()} == {"partition:2026-11-24"}
    assert {run["partition_key"] for run in campaign.client.runs(campaign.name)} == {"2026-11-24"}
