"""SQL, columns and tables that are not what a campaign says: one clear error, nothing sent, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from operators.desk import Desk, leaked
from phonon.operators.context import PhononTaskError


@dataclass(frozen=True)
class Case:
    """Keys of a campaign that are wrong, what kind of error that is, and parts of its text."""

    name: str
    keys: Mapping[str, Any]
    parts: tuple[str, ...]
    error: type[AirflowException] = AirflowFailException


QUERIES = [
    Case(
        "syntax error",
        {"contacts": "SELECT id, mobile, name FORM people WHERE mobile = '919999900001'"},
        ("'warehouse' failed while reading", "syntax error", "Check the query"),
    ),
    Case(
        "missing table",
        {"contacts": "SELECT id, mobile, name FROM peeple"},
        ("'warehouse' failed while reading", "peeple", '"people"', "Check the query"),
    ),
    Case(
        "an error at some row",
        {"contacts": "SELECT id, mobile, CAST(mobile || 'x' AS INTEGER) AS name FROM people"},
        ("'warehouse' failed while reading", "Check the query"),
        PhononTaskError,
    ),
    Case(
        "two columns of one name",
        {"contacts": "SELECT id, mobile, name, mobile FROM people"},
        ("more than one column called mobile", "AS"),
    ),
    Case(
        "missing contact_id",
        {"contact_id": "idd"},
        ("'idd' (contact_id; did you mean 'id'?)", "The columns there are: id, mobile, name", "Correct"),
    ),
    Case(
        "missing column of numbers",
        {"numbers": ["mobile", "mobil_2"]},
        ("'mobil_2' (numbers; did you mean 'mobile'?)", "The columns there are: id, mobile, name"),
    ),
    Case(
        "missing column of a variable",
        {"variables": {"Name": "nmae"}},
        ("'nmae' (variables.Name; did you mean 'name'?)", "The columns there are: id, mobile, name"),
    ),
    Case(
        "missing column of start times",
        {"start_at": "call_at"},
        ("'call_at' (start_at)", "The columns there are: id, mobile, name"),
    ),
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in QUERIES])
def test_a_bad_query_is_one_clear_error_and_nothing_is_lost(
    desk: Desk, case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    for step in (desk.extract, desk.outbound):
        with pytest.raises(AirflowException) as told:
            step(**case.keys)
        clear_frames(told.tb)  # a task's process would have ended
        assert type(told.value) is case.error
        assert [part for part in case.parts if part not in str(told.value)] == []
        assert told.value.__cause__ is None
        assert told.value.__suppress_context__
        assert desk.phonon.summary()["requests"] == 0
        assert leaked(told.value, caplog.text, *capfd.readouterr()) == []
    assert desk.statuses() == {}
    assert desk.sql("SELECT outcome FROM phonon_campaign_runs") == [("failed",)]
    desk.assert_everybody_is_called_once()


@dataclass(frozen=True)
class Table:
    """A table that stands where results should go, and how to mend it."""

    name: str
    made: str
    mended: str
    parts: tuple[str, ...]
    keys: Mapping[str, Any] = field(default_factory=dict)


def _results_with(change: Callable[[str], str]) -> str:
    columns = (
        "campaign VARCHAR, interval_key VARCHAR, run_id VARCHAR, contact_id VARCHAR, client_identifier VARCHAR, "
        "number_last4 VARCHAR, status VARCHAR, reason VARCHAR, api_code INTEGER, api_message VARCHAR, "
        "request_id VARCHAR, phonon_uuid VARCHAR, batch_id VARCHAR, endpoint VARCHAR, flow_id VARCHAR, "
        "start_time TIMESTAMPTZ, sent_at TIMESTAMPTZ, recorded_at TIMESTAMPTZ"
    )
    changed = change(columns)
    assert changed != columns
    return f"CREATE TABLE phonon_call_results ({changed})"


TABLES = [
    Table(
        "a column of another type",
        _results_with(lambda columns: columns.replace("status VARCHAR", "status INTEGER")),
        "DROP TABLE phonon_call_results",
        (
            "phonon_call_results",
            "'warehouse'",
            "column status is INTEGER, expected VARCHAR",
            "Change it to VARCHAR",
        ),
    ),
    Table(
        "a missing column",
        _results_with(lambda columns: columns.replace("reason VARCHAR, ", "")),
        "ALTER TABLE phonon_call_results ADD COLUMN reason VARCHAR",
        ("phonon_call_results", "'warehouse'", "it has no column reason (VARCHAR)", "Add it as VARCHAR"),
    ),
    Table(
        "a column of somebody else's that nobody fills",
        _results_with(lambda columns: columns + ", region VARCHAR NOT NULL"),
        "ALTER TABLE phonon_call_results ALTER region DROP NOT NULL",
        ("phonon_call_results", "'warehouse'", "region", "Give it a default or let it be null"),
    ),
    Table(
        "a view",
        "CREATE VIEW phonon_call_results AS SELECT * FROM people",
        "DROP VIEW phonon_call_results",
        ("phonon_call_results", "'warehouse'", "it is a view", "Drop it"),
    ),
    Table(
        "a table of runs of another shape",
        "CREATE TABLE phonon_campaign_runs (campaign VARCHAR)",
        "DROP TABLE phonon_campaign_runs",
        ("phonon_campaign_runs", "'warehouse'", "it has no column run_id"),
    ),
]


@pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in TABLES])
def test_a_results_table_of_another_shape_is_refused_before_anything_is_sent(desk: Desk, table: Table) -> None:
    desk.sql(table.made)
    for step in (desk.extract, desk.outbound):
        with pytest.raises(AirflowFailException) as told:
            step()
        assert [part for part in table.parts if part not in str(told.value)] == []
        assert desk.phonon.summary()["requests"] == 0
    desk.sql(table.mended)
    desk.assert_everybody_is_called_once()


def test_a_results_table_in_a_missing_schema_names_the_schema_and_how_to_make_it(desk: Desk) -> None:
    with pytest.raises(AirflowFailException, match=r"CREATE SCHEMA marketing"):
        desk.outbound(results_table="marketing.results")
    assert desk.phonon.summary()["requests"] == 0
    desk.sql("CREATE SCHEMA marketing")
    desk.outbound(results_table="marketing.results")
    assert len(desk.accepted()) == len(desk.sql("SELECT * FROM marketing.results"))


def test_an_empty_query_is_a_success_with_no_calls(desk: Desk) -> None:
    summary = desk.outbound(contacts="SELECT id, mobile, name FROM people WHERE false")
    assert summary["by_status"] == {}
    assert summary["stop"] is None
    assert desk.phonon.summary()["requests"] == 0
    assert desk.sql("SELECT rows_read, planned, outcome FROM phonon_campaign_runs") == [(0, 0, "completed")]


def test_an_xcom_holds_ids_and_counts_and_no_contact(desk: Desk) -> None:
    extracted, sent = desk.extract(), desk.outbound()
    assert extracted["planned"] == sent["interval"]["by_status"]["accepted"]
    assert leaked(extracted, sent, desk.events.values()) == []
    assert "Asha" not in f"{extracted}{sent}"
