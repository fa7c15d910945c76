"""Airflow's metadata database for tests that need one: in the Airflow home of this test process, made once."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def airflow_db() -> Path:
    """The file of a metadata database whose schema is up to date."""
    return _database()


@cache
def _database() -> Path:
    from airflow.utils.db import initdb  # noqa: PLC0415 - takes seconds, which only tests that run Dags should pay

    initdb()
    return Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
