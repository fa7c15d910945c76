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
    phonon_port = int(os.environ.get("PHONON_PORT", str(_PHONON_PORT)))
    taken = ports_taken(port, phonon_port)
    if taken:
        print(taken)
        return 1
    world = World(PROJECT / ".airflow")
    world.make()
    if not world.warehouse.exists():
        seed(world.warehouse, contacts=_CONTACTS, today=today_at(datetime.now(UTC)))
    signal.signal(signal.SIGTERM, _interrupt)
    with world.phonon("--port", str(phonon_port)) as phonon_url:
        environment = world.environment(phonon_url) | server_environment(port)
        log = (world.folder / "airflow.log").relative_to(PROJECT)
        print(f"Airflow        http://127.0.0.1:{port}  (in about half a minute; log: {log})")
        print(f"Stand-in       {phonon_url}")
        print(f"Warehouse      {world.warehouse.relative_to(PROJECT)} (DuckDB)")
        print("Command line   ./phonon campaigns list   (in another terminal; it uses this warehouse and ledger)")
        print("Try first      trigger renewal_reminder with Dry run, then without; the Dag phonon_held_batches")
        print(
            "               is where people decide about held calls. Ctrl-C ends it all.",
            flush=True,
        )
        with airflow_server(world, environment) as airflow:
            try:
                airflow.wait()
            except KeyboardInterrupt:
                print("\nStopping ...", flush=True)
                return 0
            print("Airflow ended by itself; see its log.")
            return 1


def ports_taken(port: int, phonon_port: int) -> str:
    """Say which of the two ports are in use and how to choose others; empty if they are free."""
    lines = [
        f"Port {number}, {whose}, is in use. Choose another: make up {name}={_free_above(number)}"
        for number, whose, name in (
            (port, "Airflow's", "PORT"),
            (phonon_port, "the stand-in Phonon's", "PHONON_PORT"),
        )
        if not is_free(number)
    ]
    return "\n".join(lines)


def _free_above(port: int) -> int:
    return next((number for number in range(port + 1, port + 100) if is_free(number)), port + 1)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
