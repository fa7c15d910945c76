"""Airflow's metadata database for tests that need one: made once a test run, each test process has a copy."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def airflow_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a metadata database whose schema is up to date."""
    own = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _make()
        return own
    shared = tmp_path_factory.getbasetemp().parent / "airflow.db"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shared.exists():
            _copy(shared, own)
        else:
            _make()
            _copy(own, shared)
    return own


def _make() -> None:
    from airflow.utils.db import initdb  # noqa: PLC0415 - takes seconds, which only tests that run Dags should pay

    initdb()


def _copy(file: Path, to: Path) -> None:
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)
