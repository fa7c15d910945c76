"""Real Dags, run by Airflow in this process, against a warehouse like the demo's and the stand-in Phonon."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from airflow.dag_processing.dagbag import DagBag

from demo.world import PROJECT
from simulator.running import Handle

SECURITY_ID = "Dag0" * 16
_BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
_FILES = {
    "phonon_held_batches": "phonon_desk",
    "phonon_pause": "phonon_desk",
    "phonon_ledger_maintenance": "phonon_ledger",
    "example_outbound_operator": "example_outbound_operator",
}
"""The files of the project's folder ``dags`` that make these Dags; ``campaigns`` makes all others."""
_validate = jsonschema.validate
_sound: set[str] = set()


def _validate_with_known_schema(instance: object, schema: Any, *arguments: Any, **options: Any) -> None:
    """What ``jsonschema.validate`` does, but a schema that was found to be one is not looked at again.

    Airflow has the few schemas of a Dag's parameters looked at hundreds of times in each run, a fifth of its time.
    """
    written = json.dumps(schema, sort_keys=True, default=repr)
    if written not in _sound:
        _validate(instance, schema, *arguments, **options)
        _sound.add(written)
        return
    validator = jsonschema.validators.validator_for(schema)(schema, *arguments, **options)
    error = jsonschema.exceptions.best_match(validator.iter_errors(instance))
    if error is not None:
        raise error


jsonschema.validate = _validate_with_known_schema


@dataclass
class DagWorld:
    """The connections and files of one test."""

    folder: Path
    phonon: Handle
    begin: datetime
    """Its example data are of this moment's day, and so are its runs, however late they are made."""
    _runs: int = 0

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
        """Run a Dag of the project to its end; gives the run.

        Airflow reads all Dags of the folder anew for each run: here it has one with only the file of this Dag.
        """
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv(_BUNDLES, _bundles(_FILES.get(dag_id, "campaigns"), _alone(dag_id)))
            return run(dag_named(dag_id), at=at or self.next_moment(), conf=conf)

    def run_without_date(self, dag_id: str) -> Any:
        """Run a Dag that nobody gives a logical date."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv(_BUNDLES, _bundles(_FILES.get(dag_id, "campaigns"), _alone(dag_id)))
            return dag_named(dag_id).test(run_after=self.next_moment(), logical_date=None)

    def next_moment(self) -> datetime:
        """What to date the next run by: another moment for each, all within the minute of the beginning."""
        self._runs += 1
        return self.begin.replace(second=0, microsecond=self._runs)

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


def run(dag: Any, *, at: datetime | None = None, conf: Mapping[str, Any] | None = None) -> Any:
    """Run a Dag to its end; gives the run."""
    return dag.test(logical_date=at or datetime.now(UTC), run_conf=dict(conf or {}))


def dag_named(dag_id: str) -> Any:
    """A Dag of the project's folder ``dags``, or of the folder of campaigns that the environment names."""
    bag = DagBag(str(_alone(dag_id)))
    assert not bag.import_errors
    return bag.dags[dag_id]


def _alone(dag_id: str) -> Path:
    """A folder with the one file of the project's that makes a Dag."""
    name = _FILES.get(dag_id, "campaigns")
    folder = Path(os.environ["AIRFLOW_HOME"]) / "alone" / name
    if not folder.is_dir():
        folder.mkdir(parents=True)
        (folder / f"{name}.py").symlink_to(PROJECT / "dags" / f"{name}.py")
    return folder


def _bundles(name: str, folder: Path) -> str:
    bundle = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(folder)}}
    return json.dumps([{"name": name, **bundle}])


def dag_of_file(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one Dag of a file that is written into a new folder below ``folder``, which Airflow is told of."""
    dags = folder / "dags"
    dags.mkdir()
    (dags / "own.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv(_BUNDLES, _bundles("own", dags))
    (dag,) = DagBag(str(dags)).dags.values()
    return dag


def states(run: Any) -> dict[str, str]:
    """The state of each task instance of a run."""
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
