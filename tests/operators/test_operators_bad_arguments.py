"""Keyword arguments of PhononOutboundOperator that cannot be right are refused when the Dag is parsed."""

from __future__ import annotations

from datetime import time
from inspect import signature
from typing import Any

import pytest
from airflow.sdk import DAG, Asset

from operators.desk import KEYS, leaked
from phonon.campaign.model import Campaign
from phonon.errors import ConfigurationError
from phonon.operators.keywords import OPERATORS_KEYS
from phonon.operators.outbound import PhononOutboundOperator

# What is given instead; parts of what is told.
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"flow_id": "abcdEF1"}, ["flow_id: Expected the flow's id: exactly 8 letters and digits", "'abcdEF1'"]),
    ({"flow_id": 12345678}, ["flow_id: Expected text", "(int)"]),
    ({"endpint": "bulk"}, ["endpint: There is no key 'endpint'", "Did you mean 'endpoint'?"]),
    ({"endpoint": "real_time"}, ["endpoint: Expected one of bulk, realtime", "Did you mean 'realtime'?"]),
    ({"retris": 3}, ["retris: There is no key 'retris'", "Did you mean 'retries'?"]),
    ({"purpose": "recovery", "window": {"close": "20:00"}}, ["window.close: ", "wider than purpose recovery"]),
    ({"window": {"open": time(8, 30)}}, ["window.open: ", "wider than purpose promotional", "10:00-21:00"]),
    ({"numbers": []}, ["numbers: Expected a list of at least 1; found a list of 0"]),
    ({"numbers": "mobile"}, ["numbers: Expected a list, like [mobile]; found 'mobile'"]),
    ({"numbers": None}, ["numbers: Expected a list, like [mobile]; found nothing"]),
    ({"variables": ["name"]}, ["variables: Expected a mapping, like {Name: first_name}; found a list of 1"]),
    ({"contacts": "DELETE FROM people"}, ["contacts: Expected a path", "SQL with a SELECT"]),
    ({"contact_id": ""}, ["contact_id: Expected the name of a column"]),
    ({"name": "two words"}, ["name: Expected a Dag id", "'two words'"]),
    ({"limits": {"max_cals": 5}}, ["limits.max_cals: There is no key 'max_cals'", "Did you mean 'max_calls'?"]),
    ({"suppress": "DELETE FROM people"}, ["suppress: ", "SQL with a SELECT"]),
    ({"schedule": "@daily"}, ["schedule: is the Dag's", "Leave it out here", "DAG()", "@dag(schedule=...)"]),
    ({"schedule": {"asset": "s3://a/b"}}, ["schedule: is the Dag's", "@dag(schedule=...)", "[Asset("]),
    ({"catchup": False}, ["catchup: is the Dag's", "Leave it out here", "@dag(catchup=...)"]),
    ({"tags": ["calls"]}, ["tags: is the Dag's", "@dag(tags=...)"]),
    ({"description": 5}, ["description: Expected text", "5 (int)"]),
    ({"shards": 4}, ["shards: is for campaign files", "leave it out"]),
    ({"limit": 0}, ["limit: Expected a whole number of 1 or more", "0"]),
    ({"limit": "5"}, ["limit: Expected a whole number of 1 or more", "'5'"]),
    ({"dry_run": "false"}, ["dry_run: Expected True or False; found a str"]),
    ({"test_numbers": "919999912345"}, ["test_numbers: Expected a list of phone numbers"]),
    ({"test_numbers": [True]}, ["test_numbers: Expected a list of phone numbers"]),
    ({"test_numbers": [919999912345.5]}, ["test_numbers: Expected a list of phone numbers"]),
    ({"conn_id": "phonon_strict"}, ["conn_id: There is no key 'conn_id'", "Did you mean 'phonon_conn_id'?"]),
    ({"http_conn_id": "phonon_strict"}, ["http_conn_id: ", "Did you mean 'phonon_conn_id'?"]),
    ({"postgres_conn_id": "dwh"}, ["postgres_conn_id: ", "Did you mean 'warehouse_conn_id'?"]),
    ({"sql": "SELECT 1"}, ["sql: There is no key 'sql'", "Did you mean 'contacts'?"]),
    ({"phone": ["mobile"]}, ["phone: ", "Did you mean 'numbers'?"]),
    ({"timeout": 60}, ["timeout: ", "Did you mean 'execution_timeout'?"]),
    ({"max_calls": 5}, ["max_calls: It belongs into limits, as limits={'max_calls': ...}"]),
    ({"default_args": {"shards": 4}}, ["shards in default_args: is for campaign files"]),
    ({"default_args": {"phonon_con_id": "x"}}, ["phonon_con_id in default_args: ", "mean 'phonon_conn_id'?"]),
    ({"default_args": {"purpos": "service"}}, ["purpos in default_args: ", "Did you mean 'purpose'?"]),
    ({"default_args": {"endpoint": "realtme"}}, ["endpoint: ", "Did you mean 'realtime'?"]),
    ({"flow_id": "{{ var.value.flow }}"}, ["flow_id: Expected the flow's id"]),
    ({"contacts": "{{ ti.xcom_pull('sql') }}"}, ["contacts: Expected a path", "SQL with a SELECT"]),
    ({"flow_id": "919999912345"}, ["flow_id: Expected the flow's id"]),
]


@pytest.mark.parametrize(("keys", "parts"), [pytest.param(*each, id=str(each[0])) for each in WRONG])
def test_a_bad_argument_is_refused_by_its_name_with_what_is_expected(
    keys: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as told:
        PhononOutboundOperator(**{"task_id": "calls", **KEYS, **keys})
    text = str(told.value)
    assert text.startswith("Task 'calls' has keyword arguments that cannot be used:\n- ")
    assert [part for part in parts if part not in text] == []
    assert text.count("\n- ") == 1
    assert told.value.__cause__ is None
    assert leaked(text) == []
    assert "pydantic" not in text
    assert "YAML" not in text


_SOME_VALUES: dict[str, Any] = {
    "name": "strict",
    "description": "Remind them",
    "purpose": "recovery",
    "contacts": "SELECT id, mobile FROM others",
    "contact_id": "lead_id",
    "numbers": ["phone"],
    "numbers_kind": "any",
    "correlation_key": "Key",
    "variables": {"Name": "first_name"},
    "flow_id": "wruHzoCK",
    "endpoint": "realtime",
    "start_at": "11:30",
    "window": {"open": "11:00", "close": "12:00"},
    "limits": {"max_calls": 7, "per_number": None},
    "suppress": "SELECT mobile FROM complaints",
    "follow_up": {"of": "renewals", "status": ["expired"]},
    "approval": None,
    "backfill": {"mode": "dry_run"},
    "on_held": "succeed",
    "late": {"after": "3h", "then": "call"},
    "on_unknown": {"bulk": "resend"},
    "notify": [{"notifier": "a.B", "on": ["held"]}],
    "results_table": "marketing.results",
    "phonon_conn_id": "phonon_strict",
    "warehouse_conn_id": "dwh",
    "ledger_conn_id": "ledger",
}
"""A value other than the default for each key of a campaign that the operator has."""


def test_the_signature_names_every_key_of_a_campaign_file() -> None:
    keywords = signature(PhononOutboundOperator.__init__).parameters.keys()
    assert set(Campaign.model_fields) - keywords == {"schedule", "shards", "owner", "start_date"}
    assert set(_SOME_VALUES) == set(OPERATORS_KEYS)


def test_what_is_not_given_is_as_in_a_campaign_file() -> None:
    required = {key: KEYS[key] for key in ("name", "contacts", "contact_id", "numbers", "flow_id")}
    assert PhononOutboundOperator(task_id="calls", **required).campaign == Campaign.model_validate(required)


@pytest.mark.parametrize("key", [*_SOME_VALUES, "dry_run", "limit", "test_numbers"])
def test_an_argument_may_come_from_the_default_args_of_the_dag(key: str) -> None:
    value = {"dry_run": True, "limit": 3, "test_numbers": [9999912345], **_SOME_VALUES}[key]
    others = {each: KEYS[each] for each in KEYS if each != key}
    with DAG("dag", schedule=None, default_args={key: value, "retries": 4}):
        task = PhononOutboundOperator(task_id="calls", **others)
    given = PhononOutboundOperator(task_id="other", **others, **{key: value})
    assert task.campaign == given.campaign
    assert (task.dry_run_only, task.limit, task.test_numbers) == (
        given.dry_run_only,
        given.limit,
        given.test_numbers,
    )
    if key in OPERATORS_KEYS:
        assert task.campaign != PhononOutboundOperator(task_id="other", **KEYS).campaign
        assert getattr(task, key) == value
    assert task.retries == 4


def test_an_argument_wins_over_the_default_args_of_the_dag() -> None:
    with DAG("dag", schedule=None, default_args={"phonon_conn_id": "phonon_strict", "purpose": "recovery"}):
        task = PhononOutboundOperator(task_id="calls", **KEYS, phonon_conn_id="phonon_mild")
    assert (task.campaign.phonon_conn_id, task.campaign.purpose) == ("phonon_mild", "recovery")


def test_keys_of_default_args_for_other_operators_are_left_alone() -> None:
    for_others = {"http_conn_id": "x", "sql": "SELECT 1", "bucket_name": "b", "depends_on_past": True}
    with DAG("dag", schedule=None, default_args=for_others):
        assert PhononOutboundOperator(task_id="calls", **KEYS).depends_on_past is True


def test_default_args_count_for_a_subclass_and_for_a_mapped_task() -> None:
    class Strict(PhononOutboundOperator):
        def __init__(self, *, region: str, **kwargs: Any) -> None:
            super().__init__(purpose="recovery", **kwargs)
            self.region = region

    with DAG("dag", schedule=None, default_args={"phonon_conn_id": "phonon_strict"}):
        task = Strict(task_id="calls", region="north", **KEYS)
        mapped = PhononOutboundOperator.partial(task_id="mapped", **KEYS).expand(limit=[1, 2])
    assert (task.campaign.phonon_conn_id, task.campaign.purpose) == ("phonon_strict", "recovery")
    assert mapped.unmap({"limit": 2}).campaign.phonon_conn_id == "phonon_strict"


def test_an_attribute_that_a_cluster_policy_changes_counts() -> None:
    task = PhononOutboundOperator(task_id="calls", **KEYS)
    task.phonon_conn_id = "phonon_strict"
    task.limits = {"max_calls": 5}
    assert (task.campaign.phonon_conn_id, task.campaign.limits.max_calls) == ("phonon_strict", 5)
    task.flow_id = "wrong"
    with pytest.raises(ConfigurationError, match="- flow_id: Expected the flow's id"):
        _ = task.campaign


def test_a_task_id_that_is_no_name_says_where_the_name_comes_from() -> None:
    nameless = {**KEYS, "name": None}
    with pytest.raises(ConfigurationError) as told:
        PhononOutboundOperator(task_id="01_call", **nameless)
    assert "name: Expected a Dag id" in str(told.value)
    assert "No name was given, so it was made from the ids of Dag and task. Give name=" in str(told.value)
    with DAG("welcome", schedule=None):
        assert PhononOutboundOperator(task_id="01_call", **nameless).name == "welcome.01_call"


def test_every_bad_argument_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as told:
        PhononOutboundOperator(
            task_id="calls", **{**KEYS, "flow_id": "x", "numbers": [], "limit": -1, "endpint": "bulk"}
        )
    assert [line.partition(":")[0] for line in str(told.value).splitlines()[1:]] == [
        "- limit",
        "- numbers",
        "- flow_id",
        "- endpint",
    ]


def test_good_arguments_go_to_the_campaign_and_those_of_airflow_to_airflow() -> None:
    other = Asset("duckdb://warehouse/called")
    with DAG("dag", schedule=None):
        task = PhononOutboundOperator(
            task_id="calls",
            **{**KEYS, "name": None, "numbers": ("mobile",)},
            purpose="service",
            window={"open": time(10), "close": "19:00"},
            limits={"max_calls": 5, "per_number": None},
            retries=4,
            owner="growth",
            outlets=[other],
        )
    assert task.campaign.name == "dag.calls"
    assert str(task.campaign.calling_window.open) == "10:00:00"
    assert task.campaign.limits.per_number is None
    assert (task.retries, task.owner) == (4, "growth")
    assert [asset.uri for asset in task.outlets] == [other.uri, "phonon://dag.calls/results"]


@pytest.mark.parametrize(
    ("keys", "doc"),
    [
        ({"description": "Remind them"}, "Remind them"),
        ({"description": "Remind them", "doc": "Ask growth"}, "Ask growth"),
        ({}, None),
    ],
)
def test_the_description_is_the_documentation_of_the_task(keys: dict[str, Any], doc: str | None) -> None:
    task = PhononOutboundOperator(task_id="calls", **KEYS, **keys)
    assert task.doc == doc
    assert task.campaign.description == keys.get("description", "")


def test_test_numbers_may_be_integers() -> None:
    task = PhononOutboundOperator(task_id="calls", **KEYS, test_numbers=[9999912345, "99999 12346"])
    assert task.test_numbers == (9999912345, "99999 12346")


def test_the_queries_are_all_that_airflow_renders_and_stores() -> None:
    assert PhononOutboundOperator.template_fields == ("contacts", "suppress")
