"""The Dag of a campaign that watches new rows, as Airflow stores it and makes its trigger of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.module_loading import import_string
from airflow.serialization.serialized_objects import DagSerialization

from dag_world import dag_named
from phonon.triggers.new_rows import NewRowsTrigger

_CAMPAIGN = """
name: new_leads
schedule: {new_rows: {table: leads, cursor: created_at, every: 5s}}
contacts: SELECT lead_id, mobile, created_at FROM leads
contact_id: lead_id
numbers: [mobile]
flow_id: wruHzoCK
"""


@pytest.mark.usefixtures("airflow_db")
def test_airflow_keeps_the_watcher_and_can_make_the_trigger_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new_leads.yaml").write_text(_CAMPAIGN)
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(tmp_path))
    dag = DagSerialization.from_dict(DagSerialization.to_dict(dag_named("new_leads")))
    assets: list[Any] = [asset for _, asset in dag.timetable.asset_condition.iter_assets()]
    assert [asset.uri for asset in assets] == ["phonon://new_leads/new_rows"]
    (watcher,) = assets[0].watchers
    trigger = import_string(watcher.trigger["classpath"])(**watcher.trigger["kwargs"])
    assert isinstance(trigger, NewRowsTrigger)
    assert (trigger.table, trigger.cursor, trigger.every) == ("leads", "created_at", 5.0)
