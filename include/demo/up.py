"""``make up``: Airflow with its UI and the stand-in Phonon on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from types import FrameType

from demo.seed import seed, today_at
from demo.server import airflow_server, is_free, server_environment
from demo.world import PROJECT, World

_CONTACTS = 10_000
_PHONON_PORT = 8088


def main() -> int:
    """Run until interrupted; the warehouse, the ledger and Airflow's history stay for the next time."""
    port = int(os.environ.get("PORT", "8080"))
    taken = [number for number in (port, _PHONON_PORT) if not is_free(number)]
    if taken:
        print(f"Port {taken[0]} is in use. Free it, or choose another for Airflow: make up PORT=8081")
        return 1
    world = World(PROJECT / ".airflow")
    world.make()
    if not world.warehouse.exists():
        seed(world.warehouse, contacts=_CONTACTS, today=today_at(datetime.now(UTC)))
    signal.signal(signal.SIGTERM, _interrupt)
    with world.phonon("--port", str(_PHONON_PORT)) as phonon_url:
        environment = world.environment(phonon_url) | server_environment(port)
        log = (world.folder / "airflow.log").relative_to(PROJECT)
        print(f"Airflow        http://127.0.0.1:{port}  (in about half a minute; log: {log})")
        print(f"Stand-in       {phonon_url}")
        print(f"Warehouse      {world.warehouse.relative_to(PROJECT)} (DuckDB)")
        print("Unpause a campaign and trigger it. Ctrl-C ends both.", flush=True)
        with airflow_server(world, environment) as airflow:
            try:
                airflow.wait()
            except KeyboardInterrupt:
                print("\nStopping ...", flush=True)
                return 0
            print("Airflow ended by itself; see its log.")
            return 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
