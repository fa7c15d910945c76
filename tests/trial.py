"""A campaign in a small world: real ledger, real warehouse, a real socket to the stand-in Phonon; no Airflow."""

from __future__ import annotations

import logging
import multiprocessing
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import requests
from sqlalchemy import URL

from phonon.api.connection import ConnectionSettings, read_connection
from phonon.api.transport import Transport
from phonon.campaign.job import CampaignJob, Sent
from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planned
from phonon.warehouse.warehouse import Warehouse, open_warehouse
from simulator.running import Handle
from trial_process import run_step

SECURITY_ID = "Zz09" * 16
_SECRET = re.compile(rf"{SECURITY_ID}|(?<!\d)(91)?99999[ -]?\d{{5}}(?!\d)")

# From a server without threads, since a stand-in Phonon runs in a thread of the tests.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["trial_process"])


class FileHook:
    """What a warehouse needs of Airflow's DuckDBHook."""

    conn_type = "duckdb"
    placeholder = "?"

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_conn(self) -> Any:
        return duckdb.connect(str(self.path))

    def get_database(self) -> str:
        return str(self.path)

    def get_connect_config(self) -> dict[str, Any]:
        return {}

    def load_extensions(self, connection: Any) -> None:
        """None are used."""

    def configure_secrets(self, connection: Any) -> None:
        """There are none."""


@dataclass
class Trial:
    """One campaign. ``extra`` is that of the Phonon connection; ``keys`` more of the campaign's.

    ``options``: what its runs are started with.
    """

    folder: Path
    phonon: Handle
    ledger_url: URL
    contacts: int = 60
    endpoint: str = "bulk"
    keys: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    shard: int | None = None
    """Which of the campaign's senders it is, where a process of its own sends."""
    interval_key: str = "2026-11-24T03:30:00+00:00"

    def __post_init__(self) -> None:
        if self.warehouse_file.exists():  # a process of the same trial
            return
        with duckdb.connect(str(self.warehouse_file)) as connection:
            connection.execute(
                "CREATE TABLE people AS SELECT 'C' || i AS id, "
                "'99999' || lpad(CAST(i AS VARCHAR), 5, '0') AS mobile, 'Asha' AS name "
                f"FROM range({self.contacts}) t(i)"
            )

    @property
    def warehouse_file(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def settings(self) -> ConnectionSettings:
        extra = {
            "bulk_url": self.phonon.bulk_url,
            "realtime_url": self.phonon.realtime_url,
            "bulk_per_minute": 600,
            "realtime_per_minute": 600,
            "max_in_flight": 4,
            "timeout": {"connect": 2, "read": 1},
            **self.extra,
        }
        return read_connection("phonon_default", SECURITY_ID, extra)

    def campaign(self) -> Campaign:
        return Campaign.model_validate(
            {
                "name": "trial",
                "contacts": "SELECT id, mobile, name FROM people ORDER BY rowid",
                "contact_id": "id",
                "numbers": ["mobile"],
                "variables": {"Name": "name"},
                "flow_id": "abcdEF12",
                "endpoint": self.endpoint,
                **self.keys,
            }
        )

    def warehouse(self) -> Warehouse:
        return open_warehouse(FileHook(self.warehouse_file), conn_id="warehouse")

    def job(
        self, run_id: str = "run-1", *, ledger: Ledger, run_type: str = "manual", **options: Any
    ) -> CampaignJob:
        run = Run(run_id, run_type, self.interval_key, **{**self.options, **options})
        log = logging.getLogger("trial")
        return CampaignJob(self.campaign(), run, ledger=ledger, warehouse=self.warehouse(), log=log)

    def extract(self, run_id: str = "run-1", **options: Any) -> Planned:
        ledger = Ledger(self.ledger_url)
        try:
            return self.job(run_id, ledger=ledger, **options).extract_and_batch(
                self.campaign().contacts_sql, self.settings
            )
        finally:
            ledger.close()

    def trigger(self, run_id: str = "run-1", *, shard: int | None = None, **options: Any) -> Sent:
        ledger, settings = Ledger(self.ledger_url), self.settings
        session = requests.Session()
        session.trust_env = False
        try:
            return self.job(run_id, ledger=ledger, **options).trigger_calls(
                settings,
                lambda: Transport(session, settings.urls, settings.timeout),
                shard=self.shard if shard is None else shard,
            )
        finally:
            ledger.close()

    def push(self, run_id: str = "run-1", **options: Any) -> None:
        ledger = Ledger(self.ledger_url)
        try:
            self.job(run_id, ledger=ledger, **options).push_results("completed")
        finally:
            ledger.close()

    def run(self, run_id: str = "run-1", **options: Any) -> Sent:
        self.extract(run_id, **options)
        sent = self.trigger(run_id, **options)
        self.push(run_id, **options)
        return sent

    def process(self, step: str, run_id: str, *, die_at: str = "", time: int = 1, gate: Any = None) -> TrialProcess:
        """Start a step in a process of its own, which can end itself with SIGKILL at a point of the protocol.

        ``gate``: a barrier that it waits at before the step.
        """
        output = self.folder / f"{run_id}-{step}.log"
        copy = replace(
            self, phonon=SimpleNamespace(bulk_url=self.phonon.bulk_url, realtime_url=self.phonon.realtime_url)
        )
        process = _PROCESSES.Process(target=run_step, args=(copy, step, run_id, die_at, time, str(output), gate))
        process.start()
        return TrialProcess(process, output)

    def results(self) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.warehouse_file)) as connection:
            cursor = connection.execute(
                "SELECT * FROM phonon_call_results WHERE interval_key = ? ORDER BY contact_id",
                [self.interval_key],
            )
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def runs(self) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.warehouse_file)) as connection:
            cursor = connection.execute("SELECT * FROM phonon_campaign_runs ORDER BY recorded_at")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def statuses(self) -> Counter[str]:
        return Counter(row["status"] for row in self.results())

    def assert_books_agree(self, *, rows: int | None = None) -> None:
        """Hold the results against what the stand-in accepted: the invariants of the contract."""
        results = self.results()
        accepted = Counter(call.client_identifier for call in self.phonon.accepted())
        assert not [name for name, times in accepted.items() if times > 1], "a person was called twice"
        assert len(results) == (self.contacts if rows is None else rows), "a contact is lost"
        shown = {row["client_identifier"] for row in results if row["status"] in {"accepted", "accepted_earlier"}}
        held = {row["client_identifier"] for row in results if row["status"] == "held"}
        assert shown <= accepted.keys(), "a row says accepted and Phonon never accepted it"
        assert accepted.keys() <= shown | held, "an accepted call is shown as something else"
        window = self.campaign().calling_window
        assert all(window.is_open(call.dials_at) for call in self.phonon.accepted()), "a call outside the window"


@dataclass(frozen=True)
class TrialProcess:
    """A step that runs in a process of its own."""

    process: Any
    log: Path

    def finish(self) -> tuple[int, str]:
        """Wait for its end; gives its exit code, negative for a signal, and what it printed."""
        self.process.join(60)
        return self.process.exitcode, self.log.read_text() if self.log.exists() else ""


def new_gate(parties: int) -> Any:
    """A barrier for processes that are to start a step together."""
    return multiprocessing.get_context("forkserver").Manager().Barrier(parties)


def leaks(text: str) -> Sequence[str]:
    """What in a text could be a phone number of the tests, or their security-id."""
    return _SECRET.findall(text)


def sqlite_url(folder: Path) -> URL:
    return URL.create("sqlite", database=str(folder / "ledger.db"))
