"""The Dag of a campaign: its branches, its parameters, what it shows and what it hides."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import duckdb
import pytest
from airflow.models.xcom import XComModel
from airflow.sdk import CronTriggerTimetable
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.session import create_session
from sqlalchemy import select

from dag_world import SECURITY_ID, DagWorld, dag_named, states
from phonon.campaign.loading import load_campaign
from phonon.dag_documentation import TASKS, documentation, schedule_in_words
from phonon.trigger_form import EXPECTED_NUMBER
from simulator import Fault, Kind, When

_CAMPAIGN = """
name: {name}
contacts: SELECT loan_id, mobile FROM loans
contact_id: loan_id
numbers: [mobile]
flow_id: abcdEF12
endpoint: {endpoint}
"""


@pytest.fixture
def campaigns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    for endpoint in ("bulk", "realtime"):
        text = _CAMPAIGN.format(name=f"{endpoint}_campaign", endpoint=endpoint)
        (folder / f"{endpoint}.yaml").write_text(text)
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(folder))
    return folder


@pytest.mark.parametrize(
    ("fault", "endpoint", "branches", "run_state"),
    [
        (Fault(Kind.CODE, code=212, times=None), "bulk", {"top_up"}, "failed"),
        (Fault(Kind.CODE, code=401, times=None), "realtime", {"fix_configuration"}, "failed"),
        (Fault(Kind.RESET, when=When.AFTER), "bulk", {"review_held"}, "failed"),
        (Fault(Kind.PARTIAL, fraction=0.5, times=None), "bulk", {"accepted", "review_held"}, "failed"),
        (Fault(Kind.CODE, code=208, times=None), "bulk", {"review_refused"}, "success"),
    ],
    ids=["212", "401", "lost", "209", "208"],
)
@pytest.mark.usefixtures("campaigns")
def test_the_answers_lead_to_their_branches(
    dag_world: DagWorld, fault: Fault, endpoint: str, branches: set[str], run_state: str
) -> None:
    dag_world.phonon.inject(fault)
    run = dag_world.run(f"{endpoint}_campaign")

    taken = {"accepted", "review_refused", "review_held", "top_up", "fix_configuration"}
    assert {task for task in taken if states(run)[task] != "skipped"} == branches
    assert run.state == run_state
    assert states(run)["push_results"] == "success"
    assert len(states(run)) <= 12
    assert len(dag_world.results(f"{endpoint}_campaign")) == 60


@pytest.mark.usefixtures("campaigns")
def test_after_a_run_that_stopped_the_next_sends_the_rest(dag_world: DagWorld) -> None:
    dag_world.phonon.inject(Fault(Kind.CODE, code=212, times=None))
    first = dag_world.run("realtime_campaign")
    assert dag_world.statuses("realtime_campaign") == {"pending": 60}

    dag_world.phonon.clear_faults()
    dag_world.run("realtime_campaign", at=first.logical_date)
    assert dag_world.statuses("realtime_campaign") == {"accepted": 60}
    dag_world.assert_books_agree("realtime_campaign")


@pytest.mark.usefixtures("campaigns")
def test_a_dry_run_sends_nothing_and_leaves_the_contacts_to_the_real_one(dag_world: DagWorld) -> None:
    run = dag_world.run("bulk_campaign", conf={"dry_run": True})
    assert dag_world.phonon.summary()["requests"] == 0
    assert dag_world.statuses("bulk_campaign") == {"dry_run": 60}

    dag_world.run("bulk_campaign", at=run.logical_date)
    assert dag_world.statuses("bulk_campaign") == {"accepted": 60}


@pytest.mark.usefixtures("campaigns")
@pytest.mark.parametrize("limit", [7, 7.0])
def test_a_limit_calls_the_first_and_names_the_others(dag_world: DagWorld, limit: float) -> None:
    dag_world.run("bulk_campaign", conf={"limit": limit})
    assert dag_world.statuses("bulk_campaign") == {"accepted": 7, "suppressed": 53}
    assert {row["reason"] for row in dag_world.results("bulk_campaign")} == {None, "over limit"}


@pytest.mark.usefixtures("campaigns")
def test_test_numbers_are_called_instead_of_the_contacts(dag_world: DagWorld) -> None:
    run = dag_world.run("bulk_campaign", conf={"test_numbers": ["99999 88881", 9999988882]})
    calls = dag_world.phonon.accepted()
    assert [(call.number_last4, call.api_version) for call in calls] == [("8881", "TEST"), ("8882", "TEST")]

    dag_world.run("bulk_campaign", at=run.logical_date)
    assert len(dag_world.phonon.accepted()) == 62


@pytest.mark.usefixtures("campaigns")
def test_no_number_and_no_secret_is_in_logs_xcoms_or_rendered_fields(
    dag_world: DagWorld, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    dag_world.phonon.inject(Fault(Kind.CODE, code=205, message=f"bad 919999930001 {SECURITY_ID}", times=2))
    with caplog.at_level(logging.DEBUG):
        run = dag_world.run("bulk_campaign")
    with create_session() as session:
        xcoms = session.scalars(select(XComModel.value).where(XComModel.run_id == run.run_id)).all()
    printed = capfd.readouterr()
    text = "\n".join([*map(str, xcoms), caplog.text, printed.out, printed.err])
    assert "by_status" in text
    assert SECURITY_ID not in text
    assert not re.findall(r"(?<!\d)(?:91)?99999\d{5}(?!\d)", text)


@pytest.mark.usefixtures("campaigns")
def test_the_push_emits_the_results_asset(dag_world: DagWorld) -> None:
    dag_world.run("bulk_campaign")
    (outlet,) = dag_named("bulk_campaign").get_task("push_results").outlets
    assert outlet.uri == "phonon://bulk_campaign/results"


def test_a_broken_file_is_a_dag_of_its_own_that_fails_with_the_error(
    dag_world: DagWorld, campaigns: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = _CAMPAIGN.format(name="broken", endpoint="bulkk")
    (campaigns / "file.yaml").write_text(f"schedule: '0 9 * * MON-SAT'\n{text}")
    dag = dag_named("broken")
    assert dag.tags == {"phonon", "invalid"}
    assert dag.timetable == CronTriggerTimetable("0 9 * * MON-SAT", timezone="Asia/Kolkata")
    assert dag.is_paused_upon_creation is None
    said = "Expected one of bulk, realtime; found 'bulkk'."
    assert f"\n    {said}" in dag.doc_md, "a line of its own"
    assert dag_world.run("broken").state == "failed"
    assert re.search(rf"\[error +\] {said}", capfd.readouterr().out), "a line of its own"
    assert dag_world.run("bulk_campaign").state == "success"


def test_a_file_without_a_readable_name_is_a_dag_that_nobody_has_to_unpause(campaigns: Path) -> None:
    (campaigns / "october.yaml").write_text("purpose: servise\n")
    dag = dag_named("october_invalid")
    assert "invalid" in dag.tags
    assert dag.timetable == CronTriggerTimetable("0 * * * *", timezone="Asia/Kolkata")
    assert dag.is_paused_upon_creation is False


@pytest.mark.usefixtures("campaigns")
def test_the_dag_has_the_tasks_labels_and_parameters_of_the_contract() -> None:
    dag = dag_named("bulk_campaign")
    assert set(dag.task_ids) >= {"extract_and_batch", "trigger_calls", "branch_on_response", "push_results"}
    assert len(dag.task_ids) <= 12
    assert set(dag.params) == {"dry_run", "limit", "test_numbers", "approve"}
    labels = {dag.edge_info["branch_on_response"][task]["label"] for task in ("accepted", "top_up", "review_held")}
    assert len(labels) == 3


@pytest.mark.usefixtures("campaigns")
def test_the_documentation_has_a_sentence_for_each_task_and_says_where_the_results_are() -> None:
    dag = dag_named("bulk_campaign")
    for task in dag.task_ids:
        assert f"| `{task}` | {TASKS[task]} |" in dag.doc_md
    assert "| `approve` |" not in dag.doc_md
    assert "| Runs | only when a person, or another Dag, starts it |" in dag.doc_md
    assert "FROM phonon_call_results\nWHERE campaign = 'bulk_campaign'" in dag.doc_md
    assert "1 call in 1 day |" in dag.doc_md


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('schedule: "0 9 * * MON-SAT"', "at 09:00, Monday through Saturday (`0 9 * * MON-SAT`), Asia/Kolkata"),
        ('schedule: "@daily"\nstart_date: 2026-11-01', "at 00:00 (`0 0 * * *`), Asia/Kolkata, from 2026-11-01 on"),
        (
            'schedule: "0 11 * * *"\nwindow: {open: "12:00", close: "17:00", timezone: Asia/Dubai}',
            "at 11:00 (`0 11 * * *`), Asia/Dubai",
        ),
        ('schedule: "0 9 * * 1 0"', "`0 9 * * 1 0`, Asia/Kolkata"),
        ("schedule: {asset: 'x://y/z'}", "after each update of the asset `x://y/z`"),
        (
            "schedule: {asset: 'x://y/z', partitioned: true}",
            "for each partition that is updated of the asset `x://y/z`",
        ),
        (
            "schedule: {new_rows: {table: loans, cursor: loan_id, every: 30s}}",
            "when the table `loans` has new rows by `loan_id`, looked for every 30 seconds",
        ),
    ],
    ids=["cron", "preset", "zone", "six fields", "asset", "partitions", "new rows"],
)
def test_the_schedule_is_said_in_words_with_its_zone(campaigns: Path, keys: str, said: str) -> None:
    path = campaigns / "bulk.yaml"
    path.write_text(f"{path.read_text()}{keys}\n")
    campaign = load_campaign(path, include=campaigns.parent)
    assert schedule_in_words(campaign) == said
    assert f"| Runs | {said} |\n" in documentation(campaign, [])


@pytest.mark.usefixtures("campaigns")
@pytest.mark.parametrize("wrong", ["12345", "+1 212 555 0123", 12345, "9199999000012"])
def test_a_wrong_test_number_is_refused_with_a_sentence(wrong: object) -> None:
    numbers = dag_named("bulk_campaign").params.get_param("test_numbers")
    with pytest.raises(ParamValidationError) as error:
        numbers.resolve(["99999 88881", wrong])
    said = str(error.value)
    assert f"is not one of ['{EXPECTED_NUMBER}']" in said
    assert "[6-9]" not in said
    assert "anyOf" not in said
    assert numbers.resolve(["99999 88881", 9999988882, "+91-9999988883"])
    assert numbers.resolve(None) is None


@pytest.mark.usefixtures("campaigns")
def test_the_form_says_what_is_when_nothing_is_given() -> None:
    params = dag_named("bulk_campaign").params
    assert params.get_param("limit").description.endswith("Empty: no limit.")
    assert (
        "(10:00-21:00 Asia/Kolkata) they ring when the next begin" in params.get_param("test_numbers").description
    )
    # A list to choose from would have to say in words what its empty line does.
    assert not [name for name in params if "enum" in params.get_param(name).schema]


@pytest.mark.usefixtures("campaigns")
def test_an_empty_query_is_a_success_with_no_calls(dag_world: DagWorld) -> None:
    with duckdb.connect(str(dag_world.warehouse)) as connection:
        connection.execute("DELETE FROM loans")
    run = dag_world.run("bulk_campaign")
    assert run.state == "success"
    assert dag_world.results("bulk_campaign") == []


def test_an_asset_that_airflow_refuses_is_told_and_takes_no_other_campaign_down(campaigns: Path) -> None:
    text = _CAMPAIGN.format(name="renewals", endpoint="bulk")
    (campaigns / "renewals.yaml").write_text(f"{text}schedule: {{asset: 'postgres://warehouse'}}\n")
    dag = dag_named("renewals")
    assert "invalid" in dag.tags
    assert "schedule.asset: Airflow does not take the URI 'postgres://warehouse'" in dag.doc_md
    assert "invalid" not in dag_named("bulk_campaign").tags
