"""The Dag of a campaign with shards: its senders are instances of one mapped task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from dag_world import DagWorld, dag_named
from simulator import Fault, Kind

_CAMPAIGN = """
name: sharded
contacts: SELECT loan_id, mobile FROM loans
contact_id: loan_id
numbers: [mobile]
flow_id: abcdEF12
shards: 3
"""


@pytest.fixture(autouse=True)
def _campaigns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "sharded.yaml").write_text(_CAMPAIGN)
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(folder))


def _states(run: Any) -> dict[tuple[str, int], str]:
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}


def test_the_senders_are_mapped_and_the_run_ends_as_with_one(dag_world: DagWorld) -> None:
    run = dag_world.run("sharded")
    states = _states(run)
    assert run.state == "success"
    assert len(states) == 12, "two more senders, and the task that asks for all of them"
    assert {index for task, index in states if task == "trigger_calls"} == {0, 1, 2}
    taken = {task for (task, _), state in states.items() if state == "success"}
    assert taken == {
        "extract_and_batch",
        "approve",
        "trigger_calls",
        "branch_on_response",
        "accepted",
        "push_results",
    }
    assert dag_world.statuses("sharded") == {"accepted": 60}
    dag_world.assert_books_agree("sharded")


def test_a_refusal_that_the_senders_met_is_one_branch_and_one_failed_run(dag_world: DagWorld) -> None:
    dag_world.phonon.inject(Fault(Kind.CODE, code=212, times=None))
    run = dag_world.run("sharded")
    states = _states(run)
    assert run.state == "failed"
    assert states["top_up", -1] == "failed"
    assert states["push_results", -1] == "success"
    assert {state for (task, _), state in states.items() if task == "trigger_calls"} == {"success"}
    assert dag_world.statuses("sharded") == {"pending": 60}


def test_airflow_stores_no_more_of_the_campaign_than_its_name() -> None:
    tasks = [task["__var"] for task in DagSerialization.to_dict(dag_named("sharded"))["dag"]["tasks"]]
    (trigger,) = [task for task in tasks if task["task_id"] == "trigger_calls"]
    assert trigger["partial_kwargs"]["campaign"] == "sharded"


def test_airflow_stores_the_same_dag_each_time_it_is_parsed() -> None:
    first, second = (DagSerialization.to_dict(dag_named("sharded")) for _ in range(2))
    assert first == second
