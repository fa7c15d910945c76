"""``make up``: Airflow with its UI and the stand-in Phonon on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from types import FrameType
from zoneinfo import ZoneInfo

from demo.seed import seed
from demo.world import PROJECT, World

_CONTACTS = 10_000
_PHONON_PORT = 8088
_STOP_SECONDS = 20


def main() -> int:
    """Run until interrupted; the warehouse, the ledger and Airflow's history stay for the next time."""
    port = int(os.environ.get("PORT", "8080"))
    taken = [number for number in (port, _PHONON_PORT) if not _is_free(number)]
    if taken:
        print(f"Port {taken[0]} is in use. Free it, or choose another for Airflow: make up PORT=8081")
        return 1
    world = World(PROJECT / ".airflow")
    world.airflow_home.mkdir(parents=True, exist_ok=True)
    if not world.warehouse.exists():
        today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Kolkata")).date()
        seed(world.warehouse, contacts=_CONTACTS, today=today)
    signal.signal(signal.SIGTERM, _interrupt)
    with world.phonon("--port", str(_PHONON_PORT)) as phonon_url:
        environment = world.environment(phonon_url) | {
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            # Nobody but this machine can reach it, and what it calls is a stand-in.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        }
        log = world.folder / "airflow.log"
        print(f"Airflow        http://127.0.0.1:{port}  (in about half a minute; log: {log.relative_to(PROJECT)})")
        print(f"Stand-in       {phonon_url}")
        print(f"Warehouse      {world.warehouse.relative_to(PROJECT)} (DuckDB)")
        print("Unpause a campaign and trigger it. Ctrl-C ends both.", flush=True)
        with log.open("ab") as output:
            command = [sys.executable, "-m", "airflow", "standalone"]
            airflow = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command, env=environment, cwd=PROJECT, stdout=output, stderr=output, start_new_session=True
            )
            return _until_interrupted(airflow)


def _until_interrupted(airflow: subprocess.Popen[bytes]) -> int:
    try:
        status = airflow.wait()
        print("Airflow ended by itself; see its log.")
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
        os.killpg(airflow.pid, signal.SIGINT)
        try:
            airflow.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(airflow.pid, signal.SIGKILL)
            airflow.wait()
        status = 0
    return status


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
