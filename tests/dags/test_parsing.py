"""Which Dags a Dag file makes: all of them for Airflow's processor, the one of its task for a worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operators.desk import KEYS
from phonon.dag_factory import campaign_dags


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("first", "second", "third"):
        (tmp_path / f"{name}.yaml").write_text(json.dumps({**KEYS, "name": name}))
    (tmp_path / "broken.yaml").write_text(json.dumps({**KEYS, "name": "broken", "flow_id": "no"}))
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        (None, {"first", "second", "third", "broken"}),
        ("second", {"second"}),
        ("broken", {"first", "second", "third", "broken"}),
        ("a_dag_of_another_file", {"first", "second", "third", "broken"}),
    ],
    ids=["the processor", "a task", "a task of a broken campaign", "a task of another file"],
)
def test_a_worker_makes_the_dag_of_its_task(
    folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, made: set[str]
) -> None:
    if asked:
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", asked)
    assert set(campaign_dags(folder, include=folder)) == made


def test_a_worker_makes_the_same_dag_as_the_processor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processors = campaign_dags(folder, include=folder)["third"]
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "third")
    workers = campaign_dags(folder, include=folder)["third"]
    assert workers.task_dict.keys() == processors.task_dict.keys()
    assert workers.doc_md == processors.doc_md
