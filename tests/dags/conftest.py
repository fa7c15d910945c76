from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dag_world import DagWorld
from demo.seed import seed, today_at
from simulator import Settings
from simulator.running import running


@pytest.fixture
def dag_world(airflow_db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagWorld]:
    """A warehouse like the demo's, a new ledger and a stand-in Phonon, for Dags that are run in this process."""
    begin = datetime.now(UTC)
    seed(tmp_path / "warehouse.duckdb", contacts=300, today=today_at(begin))
    with running(Settings()) as phonon:
        world = DagWorld(tmp_path, phonon, begin)
        for name, connection in world.connections().items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
        yield world
