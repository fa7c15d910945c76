"""How the databases carry out what is asked of the ledger while it plans, sends and reports: by index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, event, make_url

from phonon.ledger.claims import count_uses
from phonon.ledger.store import Ledger
from postgres_server import PostgresDatabase
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
    """What is asked during two runs, in which batches are refused, cut, held and taken up, and by shards."""
    with running(Settings(bulk_per_minute=60_000, realtime_per_minute=60_000)) as phonon, statements() as seen:
        trial = Trial(tmp_path, phonon, ledger_url, extra={"bulk_per_minute": 60_000})
        phonon.inject(Fault(Kind.CODE, code=205, times=2))
        trial.run()
        trial.run("run-2")
        keys = {"shards": 2, "limits": {"per_number": None}}
        sharded = replace(trial, keys=keys, interval_key="2026-11-25T03:30:00+00:00")
        sharded.extract("run-3")
        sharded.trigger("run-3", shard=1)
        limited = replace(sharded, interval_key="2026-11-26T03:30:00+00:00")
        limited.extract("run-4")
        limited.trigger("run-5", shard=1, limit=5)
    return seen


def test_no_statement_of_a_run_reads_a_whole_table(ledger_url: URL, asked: dict[str, Any]) -> None:
    ledger = Ledger(ledger_url)
    scans = _SCANS[ledger_url.get_backend_name()]
    plans = {statement: plan_of(ledger, statement, parameters) for statement, parameters in asked.items()}
    ledger.close()
    assert len(plans) > 25
    assert any("SEARCH" in plan or "Index" in plan for plan in plans.values())
    assert {statement: found for statement, plan in plans.items() if (found := scans.findall(plan))} == {}


_DAYS = 50
_CALLS = 250_000
_A_DAY = _CALLS // _DAYS
# The keys fit, and to look takes long.
_HISTORY = f"""
SET session_replication_role = replica;
INSERT INTO phonon_ledger_intervals (id, campaign, interval_key)
SELECT i, 'trial', 'day ' || i FROM generate_series(1, {_DAYS}) AS days(i);
INSERT INTO phonon_ledger_batches (id, interval_id, run_id, endpoint, api_version, flow_id, calls, frozen_sha256,
    starts_at, not_after, state, past, attempts, fence, not_before, changed_at)
SELECT b, day, 'run', 'bulk', '1.0', 'abcdEF12', 500, md5(b::text),
    86400.0 * day, 86400.0 * day + 50000, 'accepted', 'first', 1, 1, 0, 86400.0 * day
FROM generate_series(1, {_CALLS // 500}) AS numbers(b), LATERAL (SELECT (b - 1) * 500 / {_A_DAY} + 1) AS days(day);
INSERT INTO phonon_ledger_calls
    (interval_id, contact_id, client_identifier, number_last4, starts_at, batch_id, plan_id)
SELECT day, 'C' || i % {_CALLS // 5}, md5(i::text), '0000', 86400.0 * day, i / 500 + 1, 1
FROM generate_series(0, {_CALLS - 1}) AS numbers(i), LATERAL (SELECT i / {_A_DAY} + 1) AS days(day);
INSERT INTO phonon_ledger_number_uses (scope, number_hash, interval_id, contact_id)
SELECT 'trial', hashtextextended(contact_id, 0), interval_id, contact_id FROM phonon_ledger_calls;
ANALYZE
"""


def test_a_frequency_limit_reads_the_recent_calls_to_its_numbers_and_not_all_there_ever_were(
    postgres_server: PostgresDatabase,
) -> None:
    ledger = Ledger(make_url(postgres_server.url))
    postgres_server.execute(_HISTORY)
    numbers = postgres_server.execute("SELECT number_hash FROM phonon_ledger_number_uses LIMIT 10000")
    hashes = [number_hash for (number_hash,) in numbers]
    with statements() as seen, ledger.transaction(read_only=True) as connection:
        count_uses(connection, "trial", hashes, 86_400.0 * _DAYS)
    found = {}
    with ledger.transaction(read_only=True) as connection:
        for statement, parameters in seen.items():
            rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}", parameters)
            found[statement] = "\n".join(row[0] for row in rows)
    ledger.close()
    plan = "\n".join(found.values())
    assert len(found) == 2
    assert "Seq Scan" not in plan
    read = re.search(r"Index Scan using \w+_recent on .*? \(actual rows=([\d.]+) loops=(\d+)\)", plan)
    assert read is not None
    # Of five calls to each number one at most may count; as rows of a loop, on the average.
    assert float(read[1]) * int(read[2]) <= 2 * _A_DAY
