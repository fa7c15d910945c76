"""A place to run Airflow in: its home, its connections, the stand-in Phonon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

PROJECT = Path(__file__).resolve().parent.parent.parent
SECURITY_ID = "DEMO" * 16
"""Made up; the stand-in takes any that is well-formed."""


@dataclass(frozen=True)
class World:
    """The files of a demo, below one folder."""

    folder: Path

    @property
    def airflow_home(self) -> Path:
        """Airflow's metadata database and logs, and the ledger."""
        return self.folder / "airflow"

    @property
    def warehouse(self) -> Path:
        """The embedded warehouse."""
        return self.folder / "warehouse.duckdb"

    @property
    def ledger(self) -> Path:
        """The embedded ledger, where it is when no connection says otherwise."""
        return self.airflow_home / "phonon_ledger.db"

    def make(self) -> None:
        """Make the folders. Only their owner may look inside: the warehouse and the logs are below them."""
        for folder in (self.folder, self.airflow_home):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    def clear(self) -> None:
        """Forget every call: an empty warehouse and ledger. Airflow's own database stays."""
        self.make()
        for file in (self.warehouse, self.ledger):
            for path in file.parent.glob(file.name + "*"):
                path.unlink()

    def environment(self, phonon_url: str, *, phonon: Mapping[str, object] | None = None) -> dict[str, str]:
        """Environment variables for Airflow's commands. ``phonon``: more of the Phonon connection's extra."""
        paths = f"{PROJECT / 'plugins'}{os.pathsep}{PROJECT / 'include'}"
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "PYTHONPATH": paths,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "NO_PROXY": "127.0.0.1,localhost",
            "AIRFLOW_HOME": str(self.airflow_home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW_CONN_PHONON_DEFAULT": json.dumps(
                {
                    "conn_type": "phonon",
                    "password": SECURITY_ID,
                    "extra": {
                        "bulk_url": f"{phonon_url}/bulk/kairos-apis/outbound/create",
                        "realtime_url": f"{phonon_url}/realtime/kairos-apis/outbound/create",
                        **(phonon or {}),
                    },
                }
            ),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "duckdb", "host": str(self.warehouse)}),
        }

    def airflow(
        self, environment: Mapping[str, str], *arguments: str, log: str = "airflow.log"
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command of Airflow to its end; what it prints goes to a file of the folder."""
        with (self.folder / log).open("ab") as output:
            return subprocess.run(  # noqa: S603 - our own interpreter and arguments
                [sys.executable, "-m", "airflow", *arguments],
                env=dict(environment),
                cwd=PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )

    @contextmanager
    def phonon(self, *arguments: str) -> Iterator[str]:
        """Run the stand-in Phonon in a process of its own, on a free port; gives its base URL."""
        ready = self.folder / "phonon.url"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator", "--ready-file", str(ready), "--quiet", *arguments]
        if "--port" not in arguments:
            command += ["--port", "0"]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT / "include")}
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own interpreter and arguments
        try:
            yield _address(process, ready)
        finally:
            process.terminate()
            process.wait()


def summary_of(phonon_url: str) -> dict[str, object]:
    """What the stand-in counted."""
    with urlopen(f"{phonon_url}/simulator/summary") as answer:  # noqa: S310 - an address of loopback
        summary: dict[str, object] = json.load(answer)
    return summary


def accepted_by(phonon_url: str) -> list[str]:
    """The client-identifiers of the calls that the stand-in accepted."""
    with urlopen(f"{phonon_url}/simulator/accepted") as answer:  # noqa: S310 - an address of loopback
        return [json.loads(line)["client-identifier"] for line in answer if line.strip()]


def _address(process: subprocess.Popen[bytes], ready: Path) -> str:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("The stand-in Phonon did not start.")
        if ready.exists():
            return ready.read_text(encoding="utf-8").strip()
        time.sleep(0.05)
    raise RuntimeError("The stand-in Phonon did not get ready.")
