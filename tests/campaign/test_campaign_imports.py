from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
HEAVY = ("airflow", "croniter", "duckdb", "numpy", "pandas", "requests", "sqlalchemy")


@pytest.mark.parametrize("module", ["phonon.campaign.loading", "phonon.campaign.model", "phonon.campaign.schema"])
def test_reading_campaigns_imports_nothing_heavy(module: str) -> None:
    assert imported_by(module, HEAVY) == "[]"


def test_sending_waits_for_no_import_of_other_steps() -> None:
    """Each task is a process of its own, and importing pandas takes it a while."""
    unneeded = ("airflow", "alembic", "duckdb", "numpy", "pandas", "pyarrow")
    assert imported_by("phonon.campaign.job", unneeded) == "[]"


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_writing_results_does_not_load_pandas(engine: str) -> None:
    modules = f"phonon.campaign.results, phonon.warehouse.{engine}_warehouse"
    assert imported_by(modules, ("airflow", "pandas")) == "[]"


def test_rows_become_arrows_without_pandas() -> None:
    """Pyarrow imports it by itself, as soon as it is given a list."""
    script = (
        "import sys\nfrom datetime import UTC, datetime\n"
        "from phonon.grouped_rows import GroupedRows\n"
        "from phonon.warehouse.arrow_rows import record_batch, schema_of\n"
        "from phonon.warehouse.rows import checked\n"
        "from phonon.warehouse.tables import results_table\n"
        "table = results_table('calls')\n"
        "shared = {'status': ['held'], 'recorded_at': [datetime.now(UTC)]}\n"
        "rows = GroupedRows([2], shared, {'reason': ['a', None]})\n"
        "whole = checked(table, rows, key={'campaign': 'c', 'interval_key': 'i'})\n"
        "print(record_batch(schema_of(table.columns), whole).num_rows, 'pandas' in sys.modules)"
    )
    assert run(script) == "2 False"


def imported_by(module: str, names: tuple[str, ...]) -> str:
    return run(f"import sys, {module}; print(sorted(set({names!r}) & set(sys.modules)))")


def run(script: str) -> str:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={"PYTHONPATH": str(PLUGINS)})
    return done.stdout.strip()


def test_calling_windows_need_the_standard_library_only() -> None:
    without_installed_packages = [sys.executable, "-S", "-c", "import phonon.calling_window"]
    subprocess.run(without_installed_packages, check=True, env={"PYTHONPATH": str(PLUGINS)})


def test_a_notifier_of_a_provider_is_accepted_where_airflow_is_not_loaded() -> None:
    """Providers are parts of a namespace package, which Python cannot look into before Airflow is loaded."""
    code = (
        "import sys\nfrom phonon.campaign.notification import Notification\n"
        "Notification(notifier='airflow.providers.http.notifications.http.HttpNotifier')\n"
        "assert 'airflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(PLUGINS)})
