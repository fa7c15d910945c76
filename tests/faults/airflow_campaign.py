"""A campaign that a real Airflow carries out: its Dag file, connections, contacts, stand-in Phonon and books."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from faults.airflow_client import AirflowClient
from faults.airflow_processes import AirflowProcesses, wait_for
from faults.books import assert_books_agree, statuses
from faults.task_faults import TaskFault, dag_file
from phonon.dispatch.points import Point
from postgres_server import PostgresDatabase, PostgresServer
from simulator import BulkRepeat, Settings
from simulator.running import Handle, running
from trial import SECURITY_ID, leaks

CONTACTS = 40
# The least helpful one: whatever is sent to bulk a second time calls a second time.
_PHONON = Settings(bulk_per_minute=600, realtime_per_minute=600, bulk_repeat=BulkRepeat.FORGET)
_PEOPLE = """CREATE TABLE people AS SELECT 'C' || i AS id, '99999' || lpad(CAST(i AS VARCHAR), 5, '0') AS mobile,
'Asha' AS name FROM {numbers} t(i)"""
_RESULTS = "SELECT * FROM phonon_call_results ORDER BY contact_id"


@dataclass(frozen=True)
class Databases:
    """Which databases a campaign has: sqlite or postgres, and duckdb or postgres."""

    ledger: str
    warehouse: str

    def __str__(self) -> str:
        return f"{self.ledger}-{self.warehouse}"


@dataclass
class AirflowCampaign:
    """A campaign, ready to be run. ``ledger`` and ``warehouse`` are folders' files or databases of a server."""

    name: str
    folder: Path
    phonon: Handle
    client: AirflowClient
    processes: AirflowProcesses
    ledger: PostgresDatabase | Path
    warehouse: PostgresDatabase | Path
    run_id: str = field(default="", init=False)

    def start(
        self, *, endpoint: str, fault: TaskFault | None, extra: Mapping[str, Any], keys: Mapping[str, Any]
    ) -> None:
        """Fill the warehouse, tell Airflow of the campaign, and wait until it knows its Dag."""
        self._fill_warehouse()
        for role, connection in self._connections(extra).items():
            self.client.add_connection(f"{self.name}_{role}", connection)
        text = dag_file(
            {
                "name": self.name,
                "contacts": "SELECT id, mobile, name FROM people ORDER BY id",
                "contact_id": "id",
                "numbers": ["mobile"],
                "variables": {"Name": "name"},
                "flow_id": "abcdEF12",
                "endpoint": endpoint,
                "phonon_conn_id": f"{self.name}_phonon",
                "ledger_conn_id": f"{self.name}_ledger",
                "warehouse_conn_id": f"{self.name}_warehouse",
                **keys,
            },
            fault,
        )
        new = self.folder / "dag.py"
        new.write_text(text, encoding="utf-8")
        new.rename(self.processes.dags / f"{self.name}.py")

    def wait_until_known(self) -> None:
        """Wait until Airflow knows its Dag."""
        wait_for(lambda: self.client.has_dag(self.name), f"Airflow knows {self.name}")

    def trigger(self) -> None:
        """Start its run."""
        self.wait_until_known()
        self.run_id = self.client.trigger(self.name)

    def wait_for_calls(self, count: int) -> None:
        """Wait until Phonon has accepted so many calls of the run, which must not end before."""

        def has_them() -> bool:
            assert not self.client.has_ended(self.name, self.run_id), self.processes.task_logs(self.name)[-5000:]
            return len(self.phonon.accepted()) >= count

        wait_for(has_them, f"Phonon has accepted {count} calls")

    def wait_for_task(self, task_id: str, state: str) -> None:
        """Wait until a task instance of the run is in a state."""
        self._wait_for(lambda: self.task(task_id)["state"] == state, f"{task_id} is {state}")

    def wait_for_end(self) -> str:
        """Wait until the run is over; gives its state."""
        self._wait_for(lambda: self.client.has_ended(self.name, self.run_id), f"{self.name} has ended")
        return self.client.run_state(self.name, self.run_id)

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        try:
            wait_for(condition, what)
        except AssertionError as error:
            states = {name: task["state"] for name, task in self.client.tasks(self.name, self.run_id).items()}
            error.add_note(f"{states}\n{self.processes.task_logs(self.name)[-5000:]}")
            raise

    def task(self, task_id: str) -> Mapping[str, Any]:
        """A task instance of the run."""
        return self.client.task(self.name, self.run_id, task_id)

    def results(self) -> list[dict[str, Any]]:
        """The rows of the results table."""
        if isinstance(self.warehouse, PostgresDatabase):
            names = self.warehouse.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'phonon_call_results'::regclass AND attnum > 0 "
                "AND NOT attisdropped ORDER BY attnum"
            )
            rows = self.warehouse.execute(_RESULTS)
            return [dict(zip([name for (name,) in names], row, strict=True)) for row in rows]
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            cursor = connection.execute(_RESULTS)
            found = [column[0] for column in cursor.description]
            return [dict(zip(found, row, strict=True)) for row in cursor.fetchall()]

    def outcomes(self) -> list[str]:
        """How the runs ended, as the table of runs says; with a warehouse in DuckDB."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return [
                outcome for (outcome,) in connection.execute("SELECT outcome FROM phonon_campaign_runs").fetchall()
            ]

    def statuses(self) -> Counter[str]:
        """The number of contacts of each status."""
        return statuses(self.results())

    def assert_books_agree(self) -> None:
        """The invariants of the contract, and that nothing leaks into the logs of its tasks."""
        assert_books_agree(self.results(), self.phonon.accepted(), contacts=CONTACTS)
        log = self.processes.task_logs(self.name)
        assert "trigger_calls" in log
        assert not leaks(log)

    def _fill_warehouse(self) -> None:
        if isinstance(self.warehouse, PostgresDatabase):
            self.warehouse.execute(_PEOPLE.format(numbers=f"generate_series(0, {CONTACTS - 1})"))
            return
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(_PEOPLE.format(numbers=f"range({CONTACTS})"))

    def _connections(self, extra: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        phonon = {
            "bulk_url": self.phonon.bulk_url,
            "realtime_url": self.phonon.realtime_url,
            "bulk_per_minute": 300,  # a batch has five calls then
            "realtime_per_minute": 300,
            "max_in_flight": 4,
            "timeout": {"connect": 2, "read": 2},
            **extra,
        }
        return {
            "phonon": {"conn_type": "phonon", "password": SECURITY_ID, "extra": json.dumps(phonon)},
            "ledger": _connection(self.ledger, "sqlite"),
            "warehouse": _connection(self.warehouse, "duckdb"),
        }


class AirflowOffice:
    """A running Airflow that takes campaigns. Each has a folder, a stand-in Phonon and databases of its own."""

    def __init__(self, processes: AirflowProcesses, postgres: PostgresServer) -> None:
        self.processes = processes
        self.client = AirflowClient(processes.url)
        self._postgres = postgres

    @contextmanager
    def campaign(
        self,
        name: str,
        databases: Databases,
        *,
        endpoint: str = "bulk",
        fault: tuple[Point, str, int] | None = None,
        extra: Mapping[str, Any] | None = None,
        keys: Mapping[str, Any] | None = None,
    ) -> Iterator[AirflowCampaign]:
        """A new campaign. ``fault``: point, signal and the how-many-th time; ``extra``: of its connection.

        ``keys``: more of the campaign's own.
        """
        folder = self.processes.folder / name
        (folder / "warehouse").mkdir(parents=True)
        with ExitStack() as stack:
            phonon = stack.enter_context(running(_PHONON))
            campaign = AirflowCampaign(
                name,
                folder,
                phonon,
                self.client,
                self.processes,
                ledger=self._database(stack, databases.ledger, folder / "ledger.db"),
                warehouse=self._database(stack, databases.warehouse, folder / "warehouse" / "people.duckdb"),
            )
            marker = str(folder / "struck")
            strikes = TaskFault(fault[0], fault[1], marker, fault[2]) if fault else None
            campaign.start(endpoint=endpoint, fault=strikes, extra=extra or {}, keys=keys or {})
            yield campaign

    def _database(self, stack: ExitStack, kind: str, file: Path) -> PostgresDatabase | Path:
        if kind != "postgres":
            return file
        database = self._postgres.create_database()
        stack.callback(self._postgres.drop_database, database)
        return database


def _connection(place: PostgresDatabase | Path, kind: str) -> dict[str, Any]:
    if isinstance(place, Path):
        return {"conn_type": kind, "host": str(place)}
    connection: dict[str, Any] = json.loads(place.airflow_connection)
    return connection
