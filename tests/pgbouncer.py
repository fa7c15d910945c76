"""A real PgBouncer in transaction mode before a test's PostgreSQL, where the machine has one."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest

from postgres_server import PostgresDatabase

_PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
_SECONDS = 10
# Two sessions for everybody: a client that counts on having one to itself meets another's.
_SETTINGS = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
"""


@pytest.fixture
def pgbouncer(postgres_server: PostgresDatabase) -> Iterator[PostgresDatabase]:
    """The test's database as it is reached through the pooler. Skips where there is no PgBouncer."""
    if _PROGRAM is None:
        pytest.skip("no PgBouncer on this machine (apt-get install pgbouncer)")
    folder = Path(mkdtemp(prefix="phonon-pgb-"))
    folder.chmod(0o755)
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        _SETTINGS.format(
            host=postgres_server.host, port=postgres_server.port, user=postgres_server.user, folder=folder
        )
    )
    account = {}
    if os.geteuid() == 0:  # it refuses to run as root
        nobody = pwd.getpwnam("nobody")
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        shutil.chown(folder, nobody.pw_uid, nobody.pw_gid)
    process = subprocess.Popen(
        [_PROGRAM, "--quiet", str(settings)],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **account,  # type: ignore[call-overload]
    )
    try:
        _wait_for(folder / ".s.PGSQL.6432", process)
        yield replace(postgres_server, host=str(folder), port=6432)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as trial:
            if trial.connect_ex(str(path)) == 0:
                return
        time.sleep(0.05)
    log = path.parent / "log"
    raise RuntimeError(f"PgBouncer did not start: {log.read_text() if log.exists() else process.poll()}")
