"""A real Airflow on this machine: api-server, scheduler with LocalExecutor and dag-processor, as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import requests

from demo.server import free_port
from demo.world import PROJECT

_START_SECONDS = 120
_STOP_SECONDS = 15
_COMPONENTS = ("api-server", "dag-processor", "scheduler")

# Tasks are forked from the scheduler's workers, and each file is read in a process forked from the dag-processor:
# what those have imported they need not.
_LOCAL_SETTINGS = """import sys

if "scheduler" in sys.argv:
    from faults import imported_before_fork
if "dag-processor" in sys.argv:
    from faults import task_faults
"""


class AirflowProcesses:
    """An Airflow in a folder of its own, without Dags. ``metadata``: what follows "postgresql://" in its URL."""

    def __init__(self, folder: Path, metadata: str) -> None:
        self.folder = folder
        self.dags = folder / "dags"
        self.home = folder / "home"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._metadata = metadata
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._groups: list[int] = []

    def start(self) -> None:
        """Make the metadata database, start everything, and wait until it is healthy."""
        self.dags.mkdir(parents=True)
        local_settings = self.home / "config" / "airflow_local_settings.py"
        local_settings.parent.mkdir(parents=True)
        local_settings.write_text(_LOCAL_SETTINGS, encoding="utf-8")
        migrated = self._spawn("db", "migrate")
        if migrated.wait(_START_SECONDS):
            raise RuntimeError(f"Airflow's database was not made:\n{self.output()}")
        for component in _COMPONENTS:
            self.start_component(component)
        wait_for(self._is_healthy, "Airflow is healthy", seconds=_START_SECONDS)

    def start_component(self, name: str) -> None:
        """Start a component that does not run."""
        self._processes[name] = self._spawn(name)
        self._groups.append(self._processes[name].pid)

    def kill_component(self, name: str) -> None:
        """End a component with SIGKILL. Its workers, and the tasks in them, go on."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End all processes, those that a killed component left as well."""
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for group in self._groups:
            _end_group(group)

    def output(self) -> str:
        """What all processes and tasks have written so far, logs of tasks included."""
        files = [self.folder / "airflow.log", *sorted(self.home.joinpath("logs").rglob("*.log"))]
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.exists())

    def task_logs(self, dag_id: str) -> str:
        """The logs of all tries of all tasks of a Dag."""
        files = sorted(self.home.joinpath("logs", f"dag_id={dag_id}").rglob("*.log"))
        return "\n".join(file.read_text(encoding="utf-8") for file in files)

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "airflow.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=self._environment(),
                cwd=self.folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _is_healthy(self) -> bool:
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"Airflow's {name} ended:\n{self.output()[-5000:]}")
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.ConnectionError, requests.Timeout):
            return False
        return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))

    def _environment(self) -> dict[str, str]:
        paths = (PROJECT / "plugins", PROJECT / "include", PROJECT / "tests")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))},
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "NO_PROXY": "127.0.0.1,localhost",
            "AIRFLOW_HOME": str(self.home),
            **_settings(self._metadata, self.url, self.dags),
        }


def _settings(metadata: str, url: str, dags: Path) -> Mapping[str, str]:
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{metadata}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{metadata}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": url.rpartition(":")[2],
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        # All that is looked at now and then is looked at often.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "5",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "2",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    }


def _end_group(process_id: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process_id, signal.SIGKILL)


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float = 300) -> None:
    """Ask until a condition holds; fails with ``what`` after so many seconds, which a busy machine may need."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
