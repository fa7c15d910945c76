"""A live campaign's file breaks: at its next slot a real scheduler has something red, and people are told."""

from __future__ import annotations

import json

import pytest

from faults.airflow_campaign import AirflowOffice
from faults.airflow_processes import wait_for
from told import WebServer, serving

pytestmark = pytest.mark.xdist_group("airflow")

_DAG_FILE = """
# airflow dag
from pathlib import Path
from phonon.dag_factory import campaign_dags
globals().update(campaign_dags(Path({folder!r}), include=Path({folder!r})))
"""
_CAMPAIGN = """
name: live_and_broken
schedule: "* * * * *"
purpose: servise
contacts: SELECT id, mobile FROM people
contact_id: id
numbers: [mobile]
flow_id: abcdEF12
notify:
  - notifier: airflow.providers.http.notifications.http.HttpNotifier
    arguments: {http_conn_id: told_of_invalid, json: {subject: "{{ phonon.subject }}", text: "{{ phonon.text }}"}}
"""


def test_a_broken_file_fails_at_its_next_slot_and_tells_people(airflow: AirflowOffice) -> None:
    name, folder = "live_and_broken", airflow.processes.folder / "broken_campaigns"
    folder.mkdir()
    (folder / "live.yaml").write_text(_CAMPAIGN)
    file = airflow.processes.dags / "broken_campaigns.py"
    with serving(WebServer()) as web:
        airflow.client.add_connection("told_of_invalid", web.connection)
        file.write_text(_DAG_FILE.format(folder=str(folder)))
        wait_for(lambda: airflow.client.has_dag(name), f"Airflow knows {name}")
        try:
            wait_for(lambda: any(run["state"] == "failed" for run in airflow.client.runs(name)), "a run has failed")
        finally:
            airflow.client.pause(name)
            file.unlink()
        run = airflow.client.runs(name)[0]
        assert run["run_type"] == "scheduled"
        (post, *_) = web.posts
    assert post["subject"] == f"[{name}] stopped: the campaign file is invalid, nobody is called"
    assert "Expected one of promotional, service" in post["text"]
    lines = airflow.processes.task_logs(name).splitlines()
    logged = [json.loads(line)["event"] for line in lines if '"event"' in line]
    assert any(line.startswith("Expected one of promotional, service") for line in logged), "a line of its own"
