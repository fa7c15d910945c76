"""How the databases carry out what is asked of the ledger while it plans, sends and reports: by index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, event

from phonon.ledger.store import Ledger
from simulator import Fault, Kind, Settings
from simulator.running import running
from trial import Trial

BIG = "calls|batches|sends|number_uses|rejects"
# SQLite names the index or key it searches by; a scan of a covering index would still read all of it.
_SCANS = {
    "sqlite": re.compile(rf"SCAN phonon_ledger_(?:{BIG})\b.*"),
    "postgresql": re.compile(rf"Seq Scan on phonon_ledger_(?:{BIG})\b.*"),
}


@contextmanager
def statements() -> Iterator[dict[str, Any]]:
    """Each statement that a ledger carries out, with some of its parameters."""
    seen: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement) and "phonon_ledger_" in statement:
            seen.setdefault(statement, parameters[0] if many else parameters)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plan_of(ledger: Ledger, statement: str, parameters: Any) -> str:
    with ledger.transaction() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(row.detail for row in rows)
        # The tables of a test are so small that reading them whole is best: it is what the index makes possible.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))


@pytest.fixture
def asked(tmp_path: Path, ledger_url: URL) -> dict[str, Any]:
    """What is asked during two runs, in which batches are refused, cut, held and taken up, and by a shard."""
    with running(Settings(bulk_per_minute=60_000, realtime_per_minute=60_000)) as phonon, statements() as seen:
        trial = Trial(tmp_path, phonon, ledger_url, extra={"bulk_per_minute": 60_000})
        phonon.inject(Fault(Kind.CODE, code=205, times=2))
        trial.run()
        trial.run("run-2")
        keys = {"shards": 2, "limits": {"per_number": None}}
        sharded = replace(trial, keys=keys, interval_key="2026-11-25T03:30:00+00:00")
        sharded.extract("run-3")
        sharded.trigger("run-3", shard=1)
    return seen


def test_no_statement_of_a_run_reads_a_whole_table(ledger_url: URL, asked: dict[str, Any]) -> None:
    ledger = Ledger(ledger_url)
    scans = _SCANS[ledger_url.get_backend_name()]
    plans = {statement: plan_of(ledger, statement, parameters) for statement, parameters in asked.items()}
    ledger.close()
    assert len(plans) > 25
    assert any("SEARCH" in plan or "Index" in plan for plan in plans.values())
    assert {statement: found for statement, plan in plans.items() if (found := scans.findall(plan))} == {}
