"""The command line as a process of its own: where it finds the ledger, and what it does not import for --help."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ledger.promises import Clock
from phonon.ledger.store import Ledger
from review.holding import hold
from trial import sqlite_url

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def phonon(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "phonon.cli", *arguments]
    own = {"PATH": os.defpath, "PYTHONPATH": str(PLUGINS), "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    return subprocess.run(
        command, env={**own, **environment}, capture_output=True, text=True, check=False, timeout=120
    )


def own_database(airflow_db: Path, folder: Path) -> Path:
    """A copy of Airflow's metadata database, which a test may change."""
    copy = folder / "airflow.db"
    with closing(sqlite3.connect(airflow_db)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


@pytest.fixture
def held_ledger(tmp_path: Path) -> Path:
    """The folder of an SQLite ledger, which is named as the embedded one, with one held batch."""
    ledger = Ledger(sqlite_url(tmp_path).set(database=str(tmp_path / "phonon_ledger.db")), clock=Clock())
    hold(ledger, 3)
    ledger.close()
    return tmp_path


def test_the_connection_of_the_environment_leads_to_the_ledger(held_ledger: Path, tmp_path: Path) -> None:
    connection = json.dumps({"conn_type": "sqlite", "host": str(held_ledger / "phonon_ledger.db")})
    done = phonon("held", "list", AIRFLOW_CONN_PHONON_LEDGER=connection, AIRFLOW_HOME=str(tmp_path / "home"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 batch with 3 calls")


def test_a_connection_of_airflows_metadata_database_leads_to_the_ledger(
    airflow_db: Path, held_ledger: Path, tmp_path: Path
) -> None:
    airflow = {
        "AIRFLOW_HOME": os.environ["AIRFLOW_HOME"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{own_database(airflow_db, tmp_path)}",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
    }
    add = [sys.executable, "-m", "airflow", "connections", "add", "desk_ledger"]
    # As JSON, for Airflow does not know the type without its provider and would make it "generic".
    where = ["--conn-json", json.dumps({"conn_type": "sqlite", "host": str(held_ledger / "phonon_ledger.db")})]
    subprocess.run([*add, *where], env=airflow, check=True, timeout=120)
    done = phonon("--ledger-conn-id", "desk_ledger", "held", "list", **airflow)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 batch with 3 calls")


def test_without_a_connection_the_embedded_ledger_is_found(airflow_db: Path, held_ledger: Path) -> None:
    database = f"sqlite:///{airflow_db}"
    done = phonon("held", "list", AIRFLOW_HOME=str(held_ledger), AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 batch with 3 calls")


def test_where_airflow_cannot_be_asked_no_new_ledger_is_made(tmp_path: Path) -> None:
    done = phonon("held", "list", AIRFLOW_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "metadata database cannot be read from here" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("phonon*"))


def test_a_connection_to_no_file_makes_none(tmp_path: Path) -> None:
    connection = json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "gone.db")})
    done = phonon("pauses", AIRFLOW_CONN_PHONON_LEDGER=connection, AIRFLOW_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("There is no ledger: connection 'phonon_ledger' leads to ")
    assert not list(tmp_path.glob("gone*"))


def test_help_is_there_at_once_and_names_the_commands() -> None:
    heavy = ("airflow", "alembic", "pandas", "requests", "sqlalchemy")
    script = (
        "import sys\nfrom phonon.cli.app import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set({heavy!r}) & set(sys.modules)))"
    )
    environment = {"PYTHONPATH": str(PLUGINS)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in ("held", "pause", "resume", "pauses"))
    help_of_release = phonon("held", "release", "--help").stdout
    assert "called a second time" in " ".join(help_of_release.split())
