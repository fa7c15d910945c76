from __future__ import annotations

import copy
import pickle
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from phonon.api.endpoints import Endpoint
from phonon.calling_window import EVERY_DAY, CallingWindow, Weekday
from phonon.campaign.model import Campaign
from phonon.campaign.parts import PerNumber, UnknownPolicy
from phonon.campaign.purposes import INDIA, Purpose
from phonon.campaign.schedule import PRESETS, AssetSchedule
from phonon.campaign.start import StartAtColumn, StartAtTime, StartNow
from phonon.errors import ConfigurationError

REQUIRED: dict[str, Any] = {
    "name": "renewal_reminder",
    "contacts": "SELECT policy_id, mobile FROM policies",
    "contact_id": "policy_id",
    "numbers": ["mobile"],
    "flow_id": "wruHzoCK",
}


def campaign(**keys: Any) -> Campaign:
    return Campaign(**{**REQUIRED, **keys})


def test_five_keys_are_enough() -> None:
    assert set(REQUIRED) == {name for name, field in Campaign.model_fields.items() if field.is_required()}
    assert campaign().numbers == ("mobile",)


def test_without_a_purpose_the_strictest_hours_hold() -> None:
    assert campaign().purpose is Purpose.PROMOTIONAL
    assert campaign().calling_window == CallingWindow(time(10), time(21), EVERY_DAY, INDIA)


def test_what_is_left_out_is_as_the_contract_has_it() -> None:
    left_out = campaign()
    assert left_out.schedule is None
    assert left_out.endpoint is Endpoint.BULK
    assert left_out.start_at == StartNow()
    assert left_out.limits.max_calls is None
    assert left_out.limits.per_number == PerNumber(calls=1, days=1)
    assert left_out.on_unknown.at(Endpoint.BULK) is UnknownPolicy.HOLD
    assert left_out.on_unknown.at(Endpoint.REALTIME) is UnknownPolicy.RESEND
    assert left_out.correlation_key == "ClientIdentifier"
    assert left_out.results_table == "phonon_call_results"
    assert left_out.phonon_conn_id == "phonon_default"
    assert left_out.warehouse_conn_id == "warehouse"
    assert left_out.ledger_conn_id == "phonon_ledger"


def test_a_window_narrows_the_hours_and_days_of_the_purpose() -> None:
    narrowed = campaign(purpose="service", window={"close": "19:00", "days": ["mon", "sat"]})
    days = frozenset({Weekday.MON, Weekday.SAT})
    assert narrowed.calling_window == CallingWindow(time(9), time(19), days, INDIA)


def test_a_window_of_another_zone_is_on_the_clocks_of_that_zone() -> None:
    window = {"open": "09:00", "close": "18:00", "timezone": "Asia/Dubai"}
    assert campaign(window=window).calling_window.timezone == ZoneInfo("Asia/Dubai")


@pytest.mark.parametrize(
    ("written", "start"),
    [("now", StartNow()), ("10:30", StartAtTime(time(10, 30))), ("call_at", StartAtColumn("call_at"))],
)
def test_a_start_is_now_or_a_time_of_day_or_a_column(written: str, start: object) -> None:
    assert campaign(start_at=written).start_at == start


@pytest.mark.parametrize(
    "cron", [*PRESETS, "0 9 * * MON-SAT", "*/15 10-18 * * 1-5", "0 9 * * FRI 30", "0 9 29 2 *"]
)
def test_a_schedule_is_a_cron_expression_or_a_preset(cron: str) -> None:
    assert campaign(schedule=cron).schedule == cron


@pytest.mark.parametrize(
    "cron",
    ["@dialy", "@continuous", "None", "", "9am", "0 9 * *", "61 * * * *", "R R * * *", "0 9 30 2 *", 5, True, []],
)
def test_what_airflow_could_not_schedule_is_refused(cron: object) -> None:
    with pytest.raises(ValidationError, match="schedule"):
        campaign(schedule=cron)


def test_a_schedule_can_be_an_asset() -> None:
    assert campaign(schedule={"asset": "s3://bucket/key"}).schedule == AssetSchedule(asset="s3://bucket/key")


@pytest.mark.parametrize("uri", ["", "with space", "airflow://reserved", "AIRFLOW://reserved", "é"])
def test_an_asset_that_airflow_would_refuse_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError, match="asset"):
        campaign(schedule={"asset": uri})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "1st"),
        ("name", "a b"),
        ("name", "a..b"),
        ("name", "a\n"),
        ("name", "a" * 101),
        ("flow_id", "wruHzoC"),
        ("flow_id", "wruHzoCK1"),
        ("flow_id", "wruHzoC-"),
        ("numbers", []),
        ("numbers", [f"n{n}" for n in range(11)]),
        ("numbers", ["mobile", "mobile"]),
        ("contact_id", " padded "),
        ("contacts", "DELETE FROM policies"),
        ("contacts", "UPDATE p SET a = 1 -- select"),
        ("variables", {"$flow.key.Name": "first_name"}),
        ("variables", {"Name": ""}),
        ("variables", {"ClientIdentifier": "policy_id"}),
        ("start_at", "9:30"),
        ("start_at", "24:00"),
        ("start_at", "Now"),
        ("start_date", "2026-02-30"),
        ("start_date", 20261101),
        ("window", {"days": []}),
        ("window", {"days": ["mon", "mon"]}),
        ("window", {"open": "24:00"}),
        ("window", {"timezone": "Asia/Atlantis"}),
        ("limits", {"max_calls": 0}),
        ("limits", {"max_calls": "5"}),
        ("limits", {"max_calls": True}),
        ("limits", {"per_number": {"calls": 0}}),
        ("limits", {"per_number": {"days": 0}}),
        ("results_table", "a.b.c"),
        ("results_table", "results; drop"),
        ("results_table", "Marketing.PHONON_CAMPAIGN_RUNS"),
        ("phonon_conn_id", "with space"),
        ("purpose", "service "),
        ("endpoint", "fast"),
        ("unheard_of", 1),
    ],
)
def test_a_value_that_cannot_work_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        campaign(**{key: value})


def test_no_limit_on_a_number_is_a_choice() -> None:
    assert campaign(limits={"per_number": None}).limits.per_number is None


def test_a_flow_variable_may_be_called_as_the_correlation_key_if_there_is_none() -> None:
    variables = {"ClientIdentifier": "policy_id"}
    assert campaign(variables=variables, correlation_key=None).variables == variables


@pytest.mark.parametrize("key", sorted(Campaign.model_fields))
def test_no_key_of_a_campaign_can_be_changed(key: str) -> None:
    made = campaign()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, key, getattr(made, key))


@pytest.mark.parametrize("part", ["window", "limits", "on_unknown"])
def test_no_part_of_a_campaign_can_be_changed(part: str) -> None:
    inner = getattr(campaign(), part)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(inner, next(iter(type(inner).model_fields)), None)


def test_the_variables_of_a_campaign_can_not_be_changed() -> None:
    given = {"Name": "first_name"}
    made = campaign(variables=given)
    given["Name"] = "surname"
    assert made.variables == {"Name": "first_name"}
    assert not hasattr(made.variables, "__setitem__")


def test_equal_campaigns_have_equal_hashes() -> None:
    assert hash(campaign(variables={"A": "a", "B": "b"})) == hash(campaign(variables={"A": "a", "B": "b"}))


def test_a_campaign_survives_copying_pickling_and_json() -> None:
    made = campaign(
        schedule={"asset": "s3://bucket/key"},
        start_date=date(2026, 11, 1),
        start_at="11:30",
        variables={"Name": "first_name"},
        window={"open": "11:00", "days": ["mon"]},
    )
    assert copy.deepcopy(made) == made
    assert pickle.loads(pickle.dumps(made)) == made
    assert Campaign.model_validate_json(made.model_dump_json()) == made


def test_inline_sql_is_the_contacts_query() -> None:
    assert campaign().contacts_sql == REQUIRED["contacts"]


def test_the_query_of_a_file_that_nobody_has_read_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"sql/renewals\.sql.*has not been read"):
        _ = campaign(contacts="sql/renewals.sql").contacts_sql


def test_a_campaign_with_the_text_of_its_file_leaves_the_original_alone() -> None:
    original = campaign(contacts="sql/renewals.sql")
    assert original.with_sql_of_file("SELECT 1").contacts_sql == "SELECT 1"
    assert original != original.with_sql_of_file("SELECT 1")
