"""The Jinja of a campaign's SQL: which names each kind of run has, and what is said of those that it has not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from operators.desk import KEYS
from phonon.campaign.loading import load_campaign
from phonon.campaign.model import Campaign
from phonon.operators.outbound import PhononOutboundOperator
from phonon.operators.steps import ExtractAndBatchOperator

# Half past midnight in India, so that its day is not UTC's.
AT = datetime(2026, 11, 26, 19, 0, tzinfo=UTC)
OTHER = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAMES = "SELECT '{{ run_date }} {{ run_date.add(days=7) }} {{ run_time.isoformat() }}' AS id"
RENDERED = "SELECT '2026-11-27 2026-12-04 2026-11-27T00:30:00+05:30' AS id"


def context(**of_run: Any) -> dict[str, Any]:
    """What Airflow gives a task: for a run without a date it has no names of dates either."""
    fields = {"data_interval_end": None, "logical_date": None, "run_after": OTHER, **of_run}
    dates = {name: value for name, value in fields.items() if name != "run_after" and value is not None}
    names = {"ti": SimpleNamespace(), "conn": SimpleNamespace(warehouse=SimpleNamespace(password="hunter2"))}
    return {"dag_run": SimpleNamespace(**fields), "run_id": "run-1", "params": {}, **names, **dates}


def of_a_file(sql: str, **keys: Any) -> ExtractAndBatchOperator:
    with DAG("sql", schedule=None):
        campaign = Campaign.model_validate({**KEYS, "contacts": sql, **keys})
        return ExtractAndBatchOperator(task_id="extract_and_batch", campaign=campaign)


def of_a_dag(sql: str, **keys: Any) -> PhononOutboundOperator:
    with DAG("sql", schedule=None):
        return PhononOutboundOperator(task_id="calls", **{**KEYS, "contacts": sql, **keys})


def rendered(operator: Any, of_run: Mapping[str, Any]) -> str:
    operator.render_template_fields(context(**of_run))
    text: str = getattr(operator, "sql", None) or operator.contacts
    return text


@pytest.mark.parametrize(
    "of_run",
    [
        pytest.param({"data_interval_end": AT, "logical_date": OTHER}, id="an interval"),
        pytest.param({"logical_date": AT}, id="a date"),
        pytest.param({"run_after": AT}, id="neither"),
    ],
)
@pytest.mark.parametrize("operator", [of_a_file, of_a_dag])
def test_every_run_has_a_date_and_a_time_in_the_campaigns_zone(operator: Any, of_run: Mapping[str, Any]) -> None:
    assert rendered(operator(NAMES), of_run) == RENDERED


def test_the_zone_is_that_of_the_calling_window() -> None:
    operator = of_a_file(
        "SELECT {{ run_time.hour }}", window={"open": "16:00", "close": "20:00", "timezone": "Asia/Tokyo"}
    )
    assert rendered(operator, {"run_after": AT}) == "SELECT 4"
    assert rendered(of_a_file("SELECT {{ run_time.tzinfo }}"), {"run_after": AT}) == "SELECT Asia/Kolkata"


def test_the_suppress_query_has_the_names_too() -> None:
    operator = of_a_file("SELECT 1", suppress="SELECT '{{ run_date }}'")
    operator.render_template_fields(context(run_after=AT))
    assert operator.suppress == "SELECT '2026-11-27'"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT 1\nWHERE day = '{{ data_interval_end.date() }}'",
            "Write {{ run_date }} or {{ run_time }} instead of data_interval_end in contacts of desk, line 2",
        ),
        ("SELECT {{ ds }}", "Write {{ run_date }} or {{ run_time }} instead of ds in contacts of desk, line 1"),
        ("SELECT {{ partition_key }}", "Write {{ run_date }} instead of partition_key in contacts of desk, line 1"),
        ("SELECT {{ conn.warehouse.password }}", "Write {{ var.value.NAME }} instead of conn in contacts of desk"),
        ("SELECT {{ run_dat }}", "there is no run_dat in a campaign's SQL. Did you mean 'run_date'?"),
        ("SELECT {{ run_date.nothing }}", "Correct the Jinja of contacts of desk: "),
        ("SELECT {{ ds", "Correct the Jinja of contacts of desk, line 1: "),
    ],
    ids=["interval", "ds", "partition", "conn", "typo", "attribute", "syntax"],
)  # fmt: skip
@pytest.mark.parametrize("operator", [of_a_file, of_a_dag])
def test_a_name_that_this_run_has_not_fails_at_once_with_one_sentence(operator: Any, sql: str, said: str) -> None:
    with pytest.raises(AirflowFailException) as error:
        rendered(operator(sql), {})
    assert str(error.value).startswith(said) or said in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {{ ti }}",
        "SELECT {{ task }}",
        "SELECT {{ conn is defined and conn.warehouse.password }}{{ task_instance }}",
    ],
)
def test_the_sql_of_a_file_reaches_nothing_that_leads_to_a_connection(sql: str) -> None:
    with pytest.raises(AirflowFailException, match="in a campaign's SQL"):
        rendered(of_a_file(sql), {})
    assert rendered(of_a_file("SELECT {{ conn is defined }}"), {}) == "SELECT False"


def test_the_file_of_the_sql_is_named(tmp_path: Path) -> None:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "whom.sql").write_text("SELECT id\nFROM people\nWHERE '{{ ds }}' > ''")
    path = tmp_path / "campaigns" / "desk.yaml"
    path.write_text("name: desk\ncontacts: whom.sql\ncontact_id: id\nnumbers: [mobile]\nflow_id: abcdEF12\n")
    with DAG("sql", schedule=None):
        campaign = load_campaign(path, include=tmp_path)
        operator = ExtractAndBatchOperator(task_id="extract_and_batch", campaign=campaign)
    with pytest.raises(AirflowFailException, match=r"instead of ds in whom\.sql, line 3: this run has no ds\."):
        operator.render_template_fields(context())
