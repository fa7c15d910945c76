"""What a newcomer types: ports that are taken, and ``./phonon``."""

from __future__ import annotations

import os
import socket
import subprocess

from closed_port import closed_port
from demo.up import ports_taken
from demo.world import PROJECT


def test_each_port_that_is_taken_is_named_with_how_to_choose_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        airflow, phonon = one.getsockname()[1], other.getsockname()[1]
        with closed_port() as free:
            assert (
                f"Port {phonon}, the stand-in Phonon's, is in use. Choose another: make up PHONON_PORT="
                in ports_taken(free, phonon)
            )
        both = ports_taken(airflow, phonon).splitlines()
    assert both[0].startswith(f"Port {airflow}, Airflow's, is in use. Choose another: make up PORT=")
    assert len(both) == 2


def test_the_command_of_the_readme_runs_as_it_is_written() -> None:
    environment = {**os.environ, "AIRFLOW_HOME": os.environ.get("AIRFLOW_HOME", "/nowhere")}
    done = subprocess.run(
        [PROJECT / "phonon", "--help"], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    if not (PROJECT / ".venv" / "installed").exists():
        assert "make demo" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "campaigns" in done.stdout
