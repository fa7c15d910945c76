"""Airflow's scheduler, api-server and the rest on this machine, as processes of ours."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil

from demo.world import PROJECT, World

_STOP_SECONDS = 20
_IDLE_STOP_SECONDS = 4


def server_environment(port: int) -> dict[str, str]:
    """What a server on that port needs beyond the world's environment."""
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        # Nobody but this machine can reach it, and what it calls is a stand-in.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    }


@contextmanager
def airflow_server(world: World, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``airflow standalone`` while the context lasts; its output goes to ``airflow.log`` of the world."""
    with (world.folder / "airflow.log").open("ab") as output:
        airflow = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=dict(environment),
            cwd=PROJECT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield airflow
        finally:
            _stop(airflow)


def is_free(port: int) -> bool:
    """Whether a port of the loopback can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Find a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _stop(airflow: subprocess.Popen[bytes]) -> None:
    if airflow.poll() is not None:
        return
    os.killpg(airflow.pid, signal.SIGINT)
    until = time.monotonic() + _STOP_SECONDS
    quick = time.monotonic() + _IDLE_STOP_SECONDS
    while airflow.poll() is None and time.monotonic() < until:
        # Airflow waits long for browsers and for itself; only a task that runs has something to finish.
        if time.monotonic() > quick and not _is_a_task_running(airflow.pid):
            break
        time.sleep(0.2)
    with suppress(ProcessLookupError):
        os.killpg(airflow.pid, signal.SIGKILL)
    airflow.wait()


def _is_a_task_running(pid: int) -> bool:
    """Whether a worker of the LocalExecutor below a process is at work: its title then holds the task's id."""
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):
            title = " ".join(process.cmdline())
            if "LocalExecutor: " in title and "<idle>" not in title:
                return True
    return False
