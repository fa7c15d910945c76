"""Bad input in a whole run through real Airflow: the Dag of a campaign, from its first task to its last."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dag_world import dag_of_file, states
from operators.desk import KEYS, PEOPLE, START, Desk, leaked
from phonon.dag_factory import campaign_dags
from simulator import Fault, Kind

pytestmark = pytest.mark.usefixtures("airflow_db")


def run_dag(desk: Desk, **keys: object) -> str:
    """Run the Dag of a campaign file, as dags/campaigns.py makes it; gives the run's state."""
    campaign = {**KEYS, **keys}
    (desk.folder / "campaigns").mkdir(exist_ok=True)
    (desk.folder / "campaigns" / "one.yaml").write_text(json.dumps(campaign), encoding="utf-8")
    desk.environment.setenv("PHONON_CAMPAIGNS", str(desk.folder / "campaigns"))
    dag = campaign_dags(desk.folder / "campaigns", include=desk.folder)[str(campaign["name"])]
    return str(dag.test(logical_date=START).state)


def test_a_run_with_a_bad_connection_fails_with_one_clear_text_and_the_next_run_calls_everybody(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.connect_phonon(bulk_ulr="https://phonon.example.com/create")
    state = run_dag(desk, name="airflow_bad")
    said = "".join(capfd.readouterr())
    assert state == "failed"
    assert "unknown keys in its extra: bulk_ulr. Did you mean 'bulk_url'?" in said
    assert leaked(said) == []
    assert desk.phonon.summary()["requests"] == 0
    desk.mend()
    assert run_dag(desk, name="airflow_bad") == "success"
    assert desk.statuses() == {"accepted": PEOPLE}
    assert len(desk.accepted()) == PEOPLE


def test_a_ledger_connection_that_airflow_surely_does_not_have_is_the_embedded_ledger(
    desk: Desk, tmp_path: Path
) -> None:
    desk.disconnect("phonon_ledger")
    desk.environment.setenv("AIRFLOW_HOME", str(tmp_path))
    assert run_dag(desk, name="airflow_embedded") == "success"
    assert (tmp_path / "phonon_ledger.db").is_file()


def test_a_ledger_that_was_deleted_fails_the_same_run_and_calls_nobody_again(
    desk: Desk, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.disconnect("phonon_ledger")
    desk.environment.setenv("AIRFLOW_HOME", str(tmp_path))
    assert run_dag(desk, name="airflow_forgot") == "success"
    capfd.readouterr()
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"phonon_ledger.db{ending}").unlink(missing_ok=True)

    assert run_dag(desk, name="airflow_forgot") == "failed"

    said = "".join(capfd.readouterr())
    assert "Nothing was sent. Run 'phonon ledger restored', or 'phonon ledger adopt " in said
    assert leaked(said) == []
    assert len(desk.accepted()) == PEOPLE
    assert desk.statuses() == {"accepted": PEOPLE}


def test_an_empty_query_is_a_successful_run(desk: Desk) -> None:
    empty = "SELECT id, mobile, name FROM people WHERE false"
    assert run_dag(desk, name="airflow_empty", contacts=empty) == "success"
    assert desk.phonon.summary()["requests"] == 0


def test_a_suppress_query_is_rendered_and_keeps_its_numbers_from_being_called(desk: Desk) -> None:
    suppress = "SELECT mobile FROM people WHERE id = 'C1' AND '{{ logical_date.date() }}' = '2026-11-24'"
    assert run_dag(desk, name="airflow_suppress", suppress=suppress) == "success"
    assert desk.statuses() == {"accepted": PEOPLE - 1, "suppressed": 1}
    assert "0001" not in desk.accepted()


_OWN_DAG = """
from airflow.sdk import DAG, task
from phonon.operators.outbound import PhononOutboundOperator

@task.branch(trigger_rule="all_done")
def choose(summary=None, ti=None):
    report = ti.xcom_pull(task_ids="calls")
    return "top_up" if "212" in report["by_code"] else "other"

@task
def top_up(): ...

@task
def other(): ...

with DAG("own", schedule=None, params={params}) as dag:
    calls = PhononOutboundOperator(task_id="calls", **{keys})
    calls >> choose() >> [top_up(), other()]
"""


def own_dag(desk: Desk, *, params: object = None, **keys: object) -> Any:
    text = _OWN_DAG.replace("{params}", repr(params or {})).replace("{keys}", repr({**KEYS, "name": None, **keys}))
    return dag_of_file(desk.folder, text, desk.environment)


def test_a_dag_of_ones_own_branches_on_the_report_of_a_task_that_failed(desk: Desk) -> None:
    desk.phonon.inject(Fault(Kind.CODE, code=212))
    run = own_dag(desk).test(logical_date=START)
    assert states(run) == {"calls": "failed", "choose": "success", "top_up": "success", "other": "skipped"}
    [calls] = [ti for ti in run.get_task_instances() if ti.task_id == "calls"]
    report = calls.xcom_pull(task_ids="calls")
    assert (report["stop"], report["by_status"], report["by_code"]) == (
        "top_up",
        {"pending": PEOPLE},
        {"212": PEOPLE},
    )
    assert f"{PEOPLE} calls are pending" in report["message"]


def test_the_parameters_of_ones_own_dag_count_for_the_calls(desk: Desk) -> None:
    dag = own_dag(desk, params={"dry_run": False, "limit": None})
    assert (
        str(dag.test(logical_date=START, run_conf={"dry_run": True}).get_task_instance("calls").state) == "success"
    )
    assert desk.phonon.summary()["requests"] == 0
    later = START + timedelta(days=1)
    assert (
        str(dag.test(logical_date=later, run_conf={"dry_run": False, "limit": 2}).get_task_instance("calls").state)
        == "success"
    )
    assert len(desk.accepted()) == 2


_EXTRACTING = """
# airflow dag
from airflow.sdk import DAG
from phonon.campaign.model import Campaign
from phonon.operators.steps import ExtractAndBatchOperator
with DAG("airflow_undefined", schedule=None, params={{"dry_run": False, "limit": None, "test_numbers": None}}):
    ExtractAndBatchOperator(task_id="extract_and_batch", campaign=Campaign.model_validate({keys!r}), retries=3)
"""
_MAPPED = """
# airflow dag
from airflow.sdk import DAG
from phonon.operators.outbound import PhononOutboundOperator
SQL = (
    "SELECT id, mobile, name FROM people WHERE '{{{{ run_date }}}}' = '2026-11-24' AND "
    "CAST(substr(id, 2) AS integer) % 2 = "
)
KEYS = {{key: value for key, value in {keys!r}.items() if key not in ("name", "contacts")}}
with DAG("airflow_mapped", schedule=None):
    PhononOutboundOperator.partial(task_id="calls", **KEYS).expand_kwargs(
        [{{"name": "even", "contacts": SQL + "0"}}, {{"name": "odd", "contacts": SQL + "1"}}]
    )
"""


def test_a_name_that_the_run_has_not_fails_the_first_try_with_one_sentence(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    keys = {**KEYS, "name": "airflow_undefined", "contacts": "SELECT id, mobile, '{{ ds }}' AS name FROM people"}
    dag = dag_of_file(desk.folder, _EXTRACTING.format(keys=keys), desk.environment)
    run = dag.test(run_after=START, logical_date=None)
    said = "".join(capfd.readouterr())
    assert run.state == "failed"
    (task,) = run.get_task_instances()
    assert task.try_number == 1
    assert "Write {{ run_date }} or {{ run_time }} instead of ds in contacts of airflow_undefined, line 1" in said
    assert "jinja2.exceptions" not in said


def test_a_mapped_task_has_the_day_of_its_run(desk: Desk) -> None:
    dag = dag_of_file(desk.folder, _MAPPED.format(keys=KEYS), desk.environment)
    assert dag.test(run_after=START, logical_date=None).state == "success"
    assert desk.statuses() == {"accepted": PEOPLE}
    assert desk.sql("SELECT DISTINCT campaign FROM phonon_call_results ORDER BY 1") == [("even",), ("odd",)]
