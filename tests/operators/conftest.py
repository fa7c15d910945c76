from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from airflow_home import airflow_db
from operators.desk import Desk
from postgres_server import memory_folder
from simulator import Settings
from simulator.running import Handle, running

__all__ = ["airflow_db"]


@pytest.fixture(scope="session")
def _standin() -> Iterator[Handle]:
    with running(Settings(bulk_per_minute=60_000, realtime_per_minute=60_000)) as handle:
        yield handle


@pytest.fixture
def desk(_standin: Handle, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Where everything works until a test breaks it."""
    _standin.reset()
    with TemporaryDirectory(prefix="phonon-desk-", dir=memory_folder()) as folder:
        yield Desk(Path(folder), _standin, monkeypatch)
