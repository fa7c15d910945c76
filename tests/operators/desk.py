"""Where an operator is tried: connections in the environment, a warehouse, a ledger, the stand-in Phonon."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from phonon.campaign.model import Campaign
from phonon.operators.outbound import PhononOutboundOperator
from phonon.operators.steps import ExtractAndBatchOperator
from simulator.running import Handle

SECURITY_ID = "Yx87" * 16
PEOPLE = 12
KEYS: Mapping[str, Any] = {
    "name": "desk",
    "contacts": "SELECT id, mobile, name FROM people",
    "contact_id": "id",
    "numbers": ["mobile"],
    "variables": {"Name": "name"},
    "flow_id": "abcdEF12",
}
START = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)

_SECRETS = re.compile(r"Yx87|9199999\d{5}|99999[ -]?\d{5}|hunter2")


class OutletEvents(defaultdict[str, SimpleNamespace]):
    """What a task may say with the assets that it updates, by their URI."""

    def __init__(self) -> None:
        super().__init__(SimpleNamespace)

    def __getitem__(self, asset: Any) -> SimpleNamespace:
        return super().__getitem__(asset.uri)


@dataclass
class Desk:
    """Set up so that everything works; a test then breaks what it is about."""

    folder: Path
    phonon: Handle
    environment: pytest.MonkeyPatch
    events: OutletEvents = field(default_factory=OutletEvents)
    dag_run: Mapping[str, Any] = field(default_factory=dict)
    """What is other than usual about the run."""
    xcoms: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with duckdb.connect(str(self.warehouse_file)) as connection:
            connection.execute(
                "CREATE TABLE people AS SELECT 'C' || i AS id, "
                "'9199999' || lpad(CAST(i AS VARCHAR), 5, '0') AS mobile, "
                f"'Asha' AS name FROM range({PEOPLE}) t(i)"
            )
        self.mend()

    @property
    def warehouse_file(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def mend(self) -> None:
        """Set the three connections to what works, and the executor to the usual one."""
        self.connect_phonon()
        self.connect("warehouse", conn_type="duckdb", host=str(self.warehouse_file))
        self.connect("phonon_ledger", conn_type="sqlite", host=str(self.folder / "ledger.db"))
        self.environment.delenv("AIRFLOW__CORE__EXECUTOR", raising=False)

    def connect(self, conn_id: str, **fields: object) -> None:
        self.environment.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    def connect_phonon(self, password: str | None = SECURITY_ID, **extra: object) -> None:
        """Connect to the stand-in; ``extra`` is more of the connection's."""
        addresses = {"bulk_url": self.phonon.bulk_url, "realtime_url": self.phonon.realtime_url}
        self.connect("phonon_default", conn_type="phonon", password=password, extra={**addresses, **extra})

    def disconnect(self, conn_id: str) -> None:
        self.environment.delenv(f"AIRFLOW_CONN_{conn_id.upper()}")

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in the warehouse."""
        with duckdb.connect(str(self.warehouse_file)) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
        return rows

    def context(self, run_id: str = "run-1", **params: object) -> dict[str, Any]:
        """What an operator is given of its run."""
        interval = {"data_interval_start": START, "data_interval_end": START, "logical_date": START}
        partition = {"partition_key": None, "partition_date": None}
        times = {"run_after": START, "start_date": None}
        fields = {"run_id": run_id, "run_type": "manual", **interval, **times, **partition, **self.dag_run}
        task = SimpleNamespace(xcom_pull=lambda **_: None, xcom_push=self.xcoms.__setitem__)
        dag_run = SimpleNamespace(**fields)
        return {"dag_run": dag_run, "params": params, "ti": task, "outlet_events": self.events}

    def outbound(self, **keys: Any) -> dict[str, Any]:
        """Run a whole campaign with PhononOutboundOperator; gives its XCom."""
        options = {"task_id": "calls", **KEYS, **keys}
        return PhononOutboundOperator(**options).execute(self.context())

    def extract(self, **keys: Any) -> dict[str, Any]:
        """Run the first task of a campaign's Dag; gives its XCom."""
        campaign = Campaign.model_validate({**KEYS, **keys})
        return ExtractAndBatchOperator(task_id="extract_and_batch", campaign=campaign).execute(self.context())

    def accepted(self) -> Counter[str]:
        """How often the stand-in accepted a call to each number, by its last four digits."""
        return Counter(call.number_last4 for call in self.phonon.accepted())

    def statuses(self) -> Counter[str]:
        return Counter(status for (status,) in self.sql("SELECT status FROM phonon_call_results"))

    def assert_everybody_is_called_once(self) -> None:
        """Run again, after everything was mended: that takes up what earlier runs left."""
        self.outbound()
        assert len(self.accepted()) == PEOPLE
        assert set(self.accepted().values()) == {1}
        assert self.statuses() == {"accepted": PEOPLE}


def leaked(*texts: object) -> list[str]:
    """What in some texts could be a phone number of the tests or one of their secrets."""
    return _SECRETS.findall(" ".join(map(str, texts)))
