"""Approval in a Dag, run by Airflow in this process: passed, skipped by a parameter, asked for by the guard."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import select

from answering import answer
from dag_world import DagWorld, dag_named, dag_of_file, states
from ledger.promises import new_batch
from phonon.ledger.claims import add_batch, begin_plan, finish_plan
from phonon.ledger.schema import decisions
from phonon.ledger.store import Ledger
from trial import leaks, sqlite_url

_CAMPAIGN = """
name: gate
contacts: SELECT loan_id, mobile FROM loans
contact_id: loan_id
numbers: [mobile]
flow_id: abcdEF12
limits: {per_number: null}
"""
_CONTACTS = 1_000


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(folder))

    def write(more: str) -> None:
        (folder / "gate.yaml").write_text(_CAMPAIGN + more)

    return write


def unusual(world: DagWorld) -> None:
    """Give the campaign a thousand contacts, and a past of small intervals."""
    with duckdb.connect(str(world.warehouse)) as connection:
        connection.execute(
            "CREATE OR REPLACE TABLE loans AS SELECT 'L' || i AS loan_id, "
            f"'99999' || lpad(CAST(i AS VARCHAR), 5, '0') AS mobile FROM range({_CONTACTS}) t(i)"
        )
    ledger = Ledger(sqlite_url(world.folder))
    for number in range(3):
        with ledger.transaction() as connection:
            now = ledger.now(connection)
            plan = begin_plan(connection, campaign="gate", interval_key=f"day {number}", run_id="r", now=now)
            add_batch(connection, plan, new_batch([f"{number}-{n}" for n in range(20)]), now)
            finish_plan(connection, plan, rows_read=20, planned=20, now=now)
    ledger.close()


def test_the_dag_has_the_task_only_if_the_file_asks_for_it(campaign: Callable[[str], None]) -> None:
    campaign("")
    assert "approve" not in dag_named("gate").task_ids
    campaign("approval: {above: 10}\n")
    dag: Any = dag_named("gate")
    assert dag.get_task("approve").upstream_task_ids == {"extract_and_batch"}
    assert "trigger_calls" in dag.get_task("approve").downstream_task_ids
    assert len(dag.task_ids) <= 12
    campaign("approval: null\n")
    assert "approve" not in dag_named("gate").task_ids


@pytest.mark.parametrize(
    ("above", "conf", "accepted"), [(60, {}, 60), (59, {"approve": True}, 60), (5, {"dry_run": True}, 0)]
)
def test_nobody_is_asked_below_the_count_with_the_parameter_or_in_a_dry_run(
    dag_world: DagWorld, campaign: Callable[[str], None], above: int, conf: dict[str, Any], accepted: int
) -> None:
    campaign(f"approval: {{above: {above}}}\n")
    run = dag_world.run("gate", conf=conf)
    assert run.state == "success"
    assert states(run)["approve"] == "success"
    assert dag_world.statuses("gate")["accepted"] == accepted


@pytest.mark.parametrize(("option", "state"), [("Approve", "success"), ("Reject", "failed")])
def test_ten_times_the_usual_is_asked_for_without_a_word_in_the_file(
    dag_world: DagWorld,
    campaign: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    state: str,
) -> None:
    campaign("")
    unusual(dag_world)
    asked = answer(option, monkeypatch)
    run = dag_world.run("gate")
    assert run.state == state
    assert asked[0].startswith("trigger_calls: gate: send 1,000 calls")
    assert "50.0 times the usual" in asked[0]
    assert not leaks(asked[0])
    status = "accepted" if option == "Approve" else "suppressed"
    assert dag_world.statuses("gate") == {status: _CONTACTS}
    if option == "Reject":
        assert {row["reason"] for row in dag_world.results("gate")} == {"rejected by meera"}
        assert dag_world.phonon.summary()["requests"] == 0


def test_a_campaign_that_wants_no_guard_is_not_asked(dag_world: DagWorld, campaign: Callable[[str], None]) -> None:
    campaign("approval: null\n")
    unusual(dag_world)
    assert dag_world.run("gate").state == "success"
    assert dag_world.statuses("gate") == {"accepted": _CONTACTS}


_AT = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)


def approvals(world: DagWorld) -> list[tuple[str, str]]:
    """Who has approved, and what the ledger says of it."""
    ledger = Ledger(sqlite_url(world.folder))
    with ledger.transaction(read_only=True) as connection:
        rows = connection.execute(select(decisions.c.decided_by, decisions.c.note)).all()
    ledger.close()
    return [(row.decided_by, row.note) for row in rows]


@pytest.mark.parametrize(("gate", "asks"), [("approval: {above: 5}\n", "approve"), ("", "trigger_calls")])
def test_a_run_that_nobody_can_answer_fails_at_once_and_the_command_it_names_approves_it(
    dag_world: DagWorld,
    campaign: Callable[[str], None],
    capfd: pytest.CaptureFixture[str],
    gate: str,
    asks: str,
) -> None:
    campaign(gate)
    unusual(dag_world)
    run = dag_world.run("gate", at=_AT)
    assert run.state == "failed"
    assert states(run)[asks] == "failed"
    assert dag_world.phonon.summary()["requests"] == 0
    assert dag_world.statuses("gate") == {"pending": _CONTACTS}
    assert approvals(dag_world) == []
    command = """airflow dags test gate 2026-11-25T03:30:00+00:00 --conf '{"approve": true}'"""
    assert command in "".join(capfd.readouterr())

    assert dag_world.run("gate", at=_AT, conf={"approve": True}).state == "success"
    assert dag_world.statuses("gate") == {"accepted": _CONTACTS}
    ((who, note),) = approvals(dag_world)
    assert who == "dag_test"
    assert re.fullmatch(r"the manual run manual__\S+ was started with the parameter approve", note)


_OWN_DAG = """
from airflow.sdk import DAG
from phonon.operators.outbound import PhononOutboundOperator

with DAG("own", schedule=None):
    PhononOutboundOperator(
        task_id="calls", name="own", contacts="SELECT loan_id, mobile FROM loans", contact_id="loan_id",
        numbers=["mobile"], flow_id="abcdEF12", approval={"above": 5},
    )
"""


def test_a_dag_of_ones_own_that_nobody_can_answer_fails_at_once_as_well(
    dag_world: DagWorld, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    dag = dag_of_file(dag_world.folder, _OWN_DAG, monkeypatch)

    assert dag.test(logical_date=_AT).state == "failed"
    assert dag_world.phonon.summary()["requests"] == 0
    assert "airflow dags test own 2026-11-25T03:30:00+00:00 --conf" in "".join(capfd.readouterr())

    assert dag.test(logical_date=_AT, run_conf={"approve": True}).state == "success"
    assert dag_world.statuses("own") == {"accepted": 60}
