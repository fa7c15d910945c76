"""Keyword arguments of PhononOutboundOperator that cannot be right are refused when the Dag is parsed."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from airflow.sdk import DAG, Asset

from operators.desk import KEYS, leaked
from phonon.errors import ConfigurationError
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
