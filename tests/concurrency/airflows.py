"""Airflow deployments that share a PostgreSQL with the ledger and the warehouse, and one stand-in Phonon."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from demo.world import PROJECT, World
from postgres_server import PostgresDatabase
from simulator.running import Handle

CONTACTS = 120
_SCRIPT = Path(__file__).parent / "airflow_process.py"
_CAMPAIGN = """
name: {name}
contacts: SELECT loan_id, mobile FROM loans ORDER BY loan_id
contact_id: loan_id
numbers: [mobile]
flow_id: abcdEF12
"""


@dataclass
class Shared:
    """What the deployments have in common. Its campaigns have small batches, and few of them in flight."""

    folder: Path
    database: PostgresDatabase
    phonon: Handle
    metadata: Path
    """A metadata database that is up to date, which each deployment gets a copy of."""

    def __post_init__(self) -> None:
        self.database.execute(
            f"CREATE TABLE loans AS SELECT 'L' || i AS loan_id, '99999' || lpad(CAST(i AS text), 5, '0') AS mobile "
            f"FROM generate_series(1, {CONTACTS}) AS numbers(i)"
        )

    def campaigns(self, *names: str) -> Path:
        folder = self.folder / "campaigns"
        folder.mkdir()
        for name in names:
            (folder / f"{name}.yaml").write_text(_CAMPAIGN.format(name=name))
        return folder

    def deployment(self, name: str, dags: Path, runs: Sequence[str]) -> Deployment:
        world = World(self.folder / name)
        world.airflow_home.mkdir(parents=True)
        with (
            closing(sqlite3.connect(self.metadata)) as source,
            closing(sqlite3.connect(world.airflow_home / "airflow.db")) as copy,
        ):
            source.backup(copy)
        limits = {"bulk_per_minute": 600, "max_in_flight": 2}
        environment = world.environment(self.phonon.url, phonon=limits) | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW_CONN_WAREHOUSE": self.database.airflow_connection,
            "AIRFLOW_CONN_PHONON_LEDGER": self.database.airflow_connection,
            "PHONON_CAMPAIGNS": str(self.folder / "campaigns"),
        }
        return Deployment(world.folder, environment, [str(dags), *runs])

    def senders(self, campaign: str) -> int:
        """How many processes sent batches of a campaign."""
        found = self.database.execute(
            "SELECT count(DISTINCT b.owner) FROM phonon_ledger_batches b "
            "JOIN phonon_ledger_intervals i ON i.id = b.interval_id WHERE i.campaign = %s",
            campaign,
        )
        return int(found[0][0])

    def assert_books_agree(self, *campaigns: str) -> None:
        accepted = sorted(call.client_identifier for call in self.phonon.accepted())
        assert len(accepted) == len(set(accepted)) == CONTACTS * len(campaigns), "a person was called twice"
        rows = self.database.execute("SELECT campaign, client_identifier, status FROM phonon_call_results")
        assert {(campaign, status) for campaign, _, status in rows} == {(name, "accepted") for name in campaigns}
        assert sorted(identifier for _, identifier, _ in rows) == accepted
        sends, batches = self.database.execute(
            "SELECT (SELECT count(*) FROM phonon_ledger_sends), (SELECT count(*) FROM phonon_ledger_batches)"
        )[0]
        assert sends == batches == self.phonon.summary()["requests"], "a batch was sent by two"


class Deployment:
    """A running process of one Airflow. Use as a context, which ends it."""

    def __init__(self, folder: Path, environment: dict[str, str], arguments: Sequence[str]) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_SCRIPT), *arguments],
                env=environment,
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def go(self) -> None:
        """Have it begin its next run."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def expect(self, line: str) -> None:
        """Wait until it prints a line; what else it prints is passed over."""
        assert self._process.stdout is not None
        for printed in self._process.stdout:
            if printed.strip() == line:
                return
        raise AssertionError(f"{line!r} was never printed:\n{self.log.read_text()[-5000:]}")
