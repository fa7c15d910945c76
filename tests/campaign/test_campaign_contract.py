"""The example of the campaign format, key by key: each is read, and each means something where it is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import CronTriggerTimetable
from airflow.sdk.exceptions import ParamValidationError

from phonon.api.endpoints import Endpoint
from phonon.campaign.backfill import BackfillMode
from phonon.campaign.loading import load_campaign
from phonon.campaign.model import Campaign
from phonon.campaign.problems import CampaignError
from phonon.campaign.purposes import INDIA
from phonon.campaign.start import StartNow
from phonon.dag_factory import campaign_dag
from phonon.dispatch.policy import UnknownPolicy

EXAMPLE = """\
name: renewal_reminder
description: Remind policy holders a week before renewal
owner: growth
schedule: "0 9 * * MON-SAT"        # cron or preset; or {asset: <uri>}; or {new_rows: {...}}; or null
start_date: 2026-11-01
purpose: service                   # promotional | service | transactional | recovery -> the calling window below
contacts: sql/renewal_contacts.sql # under include/; Jinja: {{ data_interval_start }} ...; or inline SQL with a SELECT
contact_id: policy_id              # column that names the contact; unique within one run
numbers: [mobile, alternate_mobile]
variables: {Name: first_name, DueDate: due_date, Amount: amount}    # flow variable: column
flow_id: wruHzoCK
endpoint: bulk                     # bulk | realtime
start_at: now                      # now | "HH:MM" | a column
window: {open: "10:00", close: "19:00", days: [mon, tue, wed, thu, fri, sat], timezone: Asia/Kolkata, holidays: [2026-12-25]}
limits: {max_calls: 50000, per_number: {calls: 1, days: 1}}
suppress: sql/do_not_call.sql      # one column of numbers that must not be called
approval: {above: 10000}           # a person approves in the Airflow UI before more than this is sent
backfill: {mode: call, max_age: 2d}       # call | dry_run | refuse; older intervals are planned and never sent
late: {after: 2h, then: dry_run}           # a scheduled run that begins later than this after it was due: dry_run | call | refuse; as shown is the default
on_unknown: {bulk: hold, realtime: resend}
correlation_key: ClientIdentifier  # flow variable that carries the client-identifier; null for none
results_table: phonon_call_results
"""  # noqa: E501 - as it is published
REQUIRED = {"name", "contacts", "contact_id", "numbers", "flow_id"}
LATER = {
    "follow_up",
    "numbers_kind",
    "on_held",
    "notify",
    "shards",
    "phonon_conn_id",
    "warehouse_conn_id",
    "ledger_conn_id",
}
"""Keys that the example does not show."""

# Key: what it comes to in the campaign, or in its Dag.
MEANINGS: dict[str, tuple[Callable[[Campaign, Any], object], object]] = {
    "name": (lambda _, dag: dag.dag_id, "renewal_reminder"),
    "description": (lambda _, dag: dag.description, "Remind policy holders a week before renewal"),
    "owner": (lambda _, dag: {task.owner for task in dag.tasks}, {"growth"}),
    "schedule": (lambda _, dag: dag.timetable, CronTriggerTimetable("0 9 * * MON-SAT", timezone="Asia/Kolkata")),
    "start_date": (lambda _, dag: dag.start_date.astimezone(INDIA).date(), date(2026, 11, 1)),
    "purpose": (lambda _, dag: "service" in dag.tags, True),
    "contacts": (lambda _, dag: dag.get_task("extract_and_batch").sql, "SELECT 'contacts'"),
    "contact_id": (lambda campaign, _: campaign.contact_id, "policy_id"),
    "numbers": (lambda campaign, _: campaign.numbers, ("mobile", "alternate_mobile")),
    "variables": (
        lambda campaign, _: dict(campaign.variables),
        {"Name": "first_name", "DueDate": "due_date", "Amount": "amount"},
    ),
    "flow_id": (lambda campaign, _: campaign.flow_id, "wruHzoCK"),
    "endpoint": (lambda campaign, _: campaign.endpoint, Endpoint.BULK),
    "start_at": (lambda campaign, _: campaign.start_at, StartNow()),
    "window": (
        lambda campaign, _: str(campaign.calling_window),
        "10:00-19:00 Asia/Kolkata on mon, tue, wed, thu, fri, sat except 2026-12-25",
    ),
    "limits": (
        lambda campaign, _: campaign.limits.model_dump(),
        {"max_calls": 50000, "per_number": {"calls": 1, "days": 1, "group": None}},
    ),
    "suppress": (lambda _, dag: dag.get_task("extract_and_batch").suppress, "SELECT 'suppress'"),
    "approval": (lambda campaign, dag: ("approve" in dag.task_ids, campaign.approval.above), (True, 10000)),
    "backfill": (
        lambda campaign, _: (campaign.backfill.mode, campaign.backfill.max_age),
        (BackfillMode.CALL, timedelta(days=2)),
    ),
    "late": (
        lambda campaign, dag: (campaign.late.after, campaign.late.then.value, "after they were due" in dag.doc_md),
        (timedelta(hours=2), "dry_run", True),
    ),
    "on_unknown": (
        lambda campaign, _: [campaign.on_unknown.at(endpoint) for endpoint in (Endpoint.BULK, Endpoint.REALTIME)],
        [UnknownPolicy.HOLD, UnknownPolicy.RESEND],
    ),
    "correlation_key": (lambda campaign, _: campaign.correlation_key, "ClientIdentifier"),
    "results_table": (lambda campaign, _: campaign.results_table, "phonon_call_results"),
}


@pytest.fixture
def include(tmp_path: Path) -> Path:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "renewal_contacts.sql").write_text("SELECT 'contacts'")
    (tmp_path / "sql" / "do_not_call.sql").write_text("SELECT 'suppress'")
    return tmp_path


def read(include: Path, text: str) -> Campaign:
    path = include / "campaigns" / "campaign.yaml"
    path.write_text(text)
    return load_campaign(path, include=include)


def keys_of(text: str) -> list[str]:
    return [line.partition(":")[0] for line in text.splitlines()]


@pytest.mark.parametrize("key", keys_of(EXAMPLE))
def test_each_key_of_the_example_means_what_it_says(include: Path, key: str) -> None:
    campaign = read(include, EXAMPLE)
    what_it_comes_to, meant = MEANINGS[key]
    assert what_it_comes_to(campaign, campaign_dag(campaign)) == meant


def test_the_example_has_every_key_of_a_campaign_but_those_that_came_later() -> None:
    assert {*keys_of(EXAMPLE)} | LATER == {*Campaign.model_fields}


@pytest.mark.parametrize("key", keys_of(EXAMPLE))
def test_only_the_required_keys_are_required(include: Path, key: str) -> None:
    rest = "\n".join(line for line in EXAMPLE.splitlines() if not line.startswith(f"{key}:"))
    if key in REQUIRED:
        with pytest.raises(CampaignError, match=f"The key '{key}' is required"):
            read(include, rest)
    elif key == "purpose":  # the strictest hours hold then, and the example's are inside them
        assert read(include, rest).purpose.value == "promotional"
    else:
        read(include, rest)


def params(include: Path) -> Any:
    return campaign_dag(read(include, EXAMPLE)).params


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("dry_run", [True, False]),
        ("limit", [None, 1, 50_000]),
        ("test_numbers", [None, [], ["+91 99999 12345", "09999912346"], [9999912345, 919999912346]]),
        ("approve", [True, False]),
    ],
)
def test_the_form_of_a_run_takes_what_is_right(include: Path, name: str, good: list[Any]) -> None:
    for value in good:
        assert params(include).get_param(name).resolve(value) == value


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("dry_run", ["yes", 1, None]),
        ("limit", [0, -1, 1.5, "ten", True]),
        ("test_numbers", ["9999912345", ["99999"], ["9999912345", "call me"], ["9999912345"] * 101]),
        ("test_numbers", [9999912345, [99999], [5999912345], [929999912345], [99999123456], [True], [[]], [None]]),
        ("approve", ["yes", None]),
    ],
)
def test_the_form_of_a_run_refuses_what_is_wrong_when_it_is_triggered(
    include: Path, name: str, bad: list[Any]
) -> None:
    for value in bad:
        with pytest.raises(ParamValidationError):
            params(include).get_param(name).resolve(value)


def test_a_good_test_number_is_not_in_the_error_about_a_bad_one(include: Path) -> None:
    for good in ("9999912345", 9999912345):
        with pytest.raises(ParamValidationError) as told:
            params(include).get_param("test_numbers").resolve([good, "call me"])
        assert "99999" not in str(told.value)


def test_the_form_has_a_line_for_each_test_number(include: Path) -> None:
    """Airflow's form does so for a list of texts; for other lists it wants JSON."""
    assert params(include).get_param("test_numbers").schema["items"]["type"] == "string"
