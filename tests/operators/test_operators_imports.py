"""What the plugins folder brings into Airflow's processes, looked at in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Each process takes seconds, so those that several tests look at are started once.
pytestmark = pytest.mark.xdist_group("imports")

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"

_LOAD_PLUGINS = """
import json, sys
from airflow.plugins_manager import get_plugin_info
listed = [plugin["name"] for plugin in get_plugin_info()]
print(json.dumps({"listed": listed, "modules": sorted(sys.modules)}))
"""
_IMPORT = """
import json, sys
import {module}
print(json.dumps(sorted(sys.modules)))
"""
_PARTS = "from airflow.sdk import DAG, Asset, BaseBranchOperator, BaseOperator, Label, Param"
HEAVY = ("pandas", "requests", "sqlalchemy", "duckdb", "pyarrow", "tenacity", "alembic")


def in_a_process(code: str, home: Path) -> Any:
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(PLUGINS),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return in_a_process(_LOAD_PLUGINS, tmp_path_factory.mktemp("home"))


def test_the_plugin_is_listed_once(loaded: Any) -> None:
    assert loaded["listed"].count("phonon") == 1


def test_no_module_of_the_package_is_imported_under_its_bare_name(loaded: Any, tmp_path: Path) -> None:
    stems = {path.stem for path in (PLUGINS / "phonon").rglob("*.py")} - {"__init__"}
    assert {"answer", "codes", "request", "store", "connections"} <= stems
    without = set(in_a_process(_IMPORT.format(module="airflow.plugins_manager"), tmp_path))
    assert sorted(stems & set(loaded["modules"]) - without) == []


@pytest.fixture(scope="module")
def by_airflow(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    # airflow.sdk imports its parts when they are asked for.
    return set(in_a_process(_IMPORT.format(module=f"airflow.sdk\n{_PARTS}"), tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize("module", ["phonon.dag_factory", "phonon.operators.outbound"])
def test_a_dag_file_pays_for_nothing_heavy(module: str, by_airflow: set[str], tmp_path: Path) -> None:
    found = set(in_a_process(_IMPORT.format(module=module), tmp_path))
    assert module in found
    assert sorted(found.intersection(HEAVY) - by_airflow) == []
