"""Real Dags, run by Airflow in this process, against a warehouse like the demo's and the stand-in Phonon."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.dag_processing.dagbag import DagBag

from demo.world import PROJECT
from simulator.running import Handle

SECURITY_ID = "Dag0" * 16


@dataclass
class DagWorld:
    """The connections and files of one test."""

    folder: Path
    phonon: Handle

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def connections(self) -> dict[str, dict[str, Any]]:
        urls = {"bulk_url": self.phonon.bulk_url, "realtime_url": self.phonon.realtime_url}
        return {
            "PHONON_DEFAULT": {"conn_type": "phonon", "password": SECURITY_ID, "extra": urls},
            "WAREHOUSE": {"conn_type": "duckdb", "host": str(self.warehouse)},
            "PHONON_LEDGER": {"conn_type": "sqlite", "host": str(self.folder / "ledger.db")},
        }

    def run(self, dag_id: str, *, at: datetime | None = None, conf: Mapping[str, Any] | None = None) -> Any:
        """Run a Dag of the project to its end; gives the run."""
        return dag_named(dag_id).test(logical_date=at or datetime.now(UTC), run_conf=dict(conf or {}))

    def results(self, campaign: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            cursor = connection.execute("SELECT * FROM phonon_call_results WHERE campaign = ?", [campaign])
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def statuses(self, campaign: str) -> Counter[str]:
        return Counter(row["status"] for row in self.results(campaign))

    def assert_books_agree(self, campaign: str) -> None:
        """Every accepted row is a call that Phonon accepted once, and the other way round."""
        rows = [row["client_identifier"] for row in self.results(campaign) if row["status"] == "accepted"]
        calls = [call.client_identifier for call in self.phonon.accepted()]
        assert len(calls) == len(set(calls))
        assert sorted(rows) == sorted(calls)


def dag_named(dag_id: str) -> Any:
    """A Dag of the project's folder ``dags``, or of the folder of campaigns that the environment names."""
    bag = DagBag(str(PROJECT / "dags"))
    assert not bag.import_errors
    return bag.dags[dag_id]


def dag_of_file(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one Dag of a file that is written into a new folder below ``folder``, which Airflow is told of."""
    dags = folder / "dags"
    dags.mkdir()
    (dags / "own.py").write_text(text, encoding="utf-8")
    bundle = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(dags)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([{"name": "own", **bundle}]))
    (dag,) = DagBag(str(dags)).dags.values()
    return dag


def states(run: Any) -> dict[str, str]:
    """The state of each task instance of a run."""
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
