from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing import forkserver, set_forkserver_preload
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL

from faults.airflow_campaign import AirflowOffice
from faults.airflow_processes import AirflowProcesses
from faults.moments import Observed
from phonon.dispatch import points
from postgres_server import PostgresServer
from simulator import Settings
from simulator.running import running
from trial import Trial

_PRELOADED = [
    "trial_process",
    "trial",
    "faults.interrupted_postgres",
    "faults.small_files",
    "faults.stopped_warehouse",
]


@pytest.fixture(scope="session", autouse=True)
def _fork_server() -> None:
    """Have the server that processes are forked from import what they need, once."""
    set_forkserver_preload(_PRELOADED)
    forkserver.ensure_running()


@pytest.fixture
def new_trial(tmp_path: Path, ledger_url: URL) -> Iterator[Callable[..., Trial]]:
    """Makes a trial with a stand-in Phonon of its own; ``phonon`` are the stand-in's settings."""
    with ExitStack() as stack:

        def make(*, phonon: dict[str, Any] | None = None, **options: Any) -> Trial:
            settings = {"bulk_per_minute": 600, "realtime_per_minute": 600, **(phonon or {})}
            return Trial(tmp_path, stack.enter_context(running(Settings(**settings))), ledger_url, **options)

        yield make


@pytest.fixture
def observed() -> Iterator[Observed]:
    """Has a function called at every point of the protocol, until the test is over."""
    before = list(points._observers)
    yield points.observe
    points._observers[:] = before


@pytest.fixture(scope="session")
def airflow(running_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowOffice]:
    """A running Airflow. Tests that use it belong to the xdist group "airflow", so that one is enough."""
    metadata = running_postgres.create_database()
    with psycopg.connect(metadata.dsn, autocommit=True) as connection:
        # The workers of a scheduler that is killed were forked from it and keep its connection open, with any lock
        # that it had: the next scheduler would wait for that lock for ever.
        connection.execute(f"ALTER DATABASE {metadata.name} SET idle_in_transaction_session_timeout = '20s'")
    processes = AirflowProcesses(
        tmp_path_factory.mktemp("airflow") / "running",
        f"{metadata.user}@/{metadata.name}?host={metadata.host}&port={metadata.port}",
    )
    try:
        processes.start()
        yield AirflowOffice(processes, running_postgres)
    finally:
        processes.stop()
        running_postgres.drop_database(metadata)
