"""What all tests share: one Airflow home a test run, made before anything of Airflow is imported."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["airflow_home", "any_hour", "ledgers", "postgres_server", "pgbouncer", "recorded_migrations"]

# A machine may be as busy as it likes: what is tested is what comes out, not how soon.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

_IN_AIRFLOW_SECONDS = 900
_PROJECT = Path(__file__).resolve().parent.parent
_HOME = Path(tempfile.mkdtemp(prefix="phonon-test-"))

# To compile Airflow takes 15 seconds, which no process is to do again that another has done.
sys.dont_write_bytecode = False
for _name in [name for name in os.environ if name.startswith("AIRFLOW") or name == "PYTHONDONTWRITEBYTECODE"]:
    del os.environ[_name]
os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(_PROJECT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(_PROJECT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL="error",
    NO_PROXY="127.0.0.1,localhost",
    # For the server that trials fork their processes from: Python 3.11 has it look nowhere else for what it is to
    # import once for all of them, which takes two seconds.
    PYTHONPATH=os.pathsep.join(path for path in sys.path if path),
)


@pytest.fixture(scope="session", autouse=True)
def _remove_airflow_home() -> Iterator[None]:
    yield
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the real Airflow: it mostly waits, so one worker does that while the others compute.

    Another runs all Dags in its own process, for which it has to make ready once what takes 15 seconds.
    """
    for item in items:
        if isinstance(item, pytest.Function) and "airflow_db" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("dags"))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
    for item in items:
        if item.get_closest_marker("xdist_group") is not None:
            item.add_marker(pytest.mark.timeout(_IN_AIRFLOW_SECONDS))


def pytest_collection_finish() -> None:
    """Have the collector of garbage leave alone what stays, and look less often: it took an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure() -> None:
    """Let the interpreter clear away what was left alone; DuckDB's binding would else complain of it at the end."""
    gc.unfreeze()
