"""A contacts query that PostgreSQL stops in the middle: nothing is planned, and the corrected one calls its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from faults.stopped_warehouse import PostgresTrial
from phonon.errors import WarehouseError
from postgres_server import PostgresServer
from simulator import Settings
from simulator.running import running

_CONTACTS = 12_000
# After two chunks. Not sorted: PostgreSQL would reckon all rows before it gives the first.
_FAILS_LATE = "SELECT id, mobile, name, 1 / (rowid - 11000) AS share FROM people"
_CORRECTED = "SELECT id, mobile, name FROM people WHERE rowid BETWEEN 100 AND 159 ORDER BY rowid"


@pytest.fixture
def trial(running_postgres: PostgresServer, ledger_url: URL, tmp_path: Path) -> Iterator[PostgresTrial]:
    database = running_postgres.create_database()
    with running(Settings(bulk_per_minute=600, realtime_per_minute=600)) as phonon:
        yield PostgresTrial(
            tmp_path, phonon, ledger_url, contacts=_CONTACTS, keys={"contacts": _FAILS_LATE}, database=database
        )
    running_postgres.drop_database(database)


def test_a_query_that_fails_after_many_rows_plans_nobody_and_the_corrected_one_calls_whom_it_returns(
    trial: PostgresTrial, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(WarehouseError, match="division by zero"):
        trial.extract()
    assert "failed after 10,000 rows: of the planned calls 10000 are taken back" in caplog.text
    trial.push()
    assert trial.results() == []
    assert trial.database is not None
    assert trial.database.execute("SELECT rows_read, planned, pending FROM phonon_campaign_runs") == [(0, 0, 0)]
    trial.keys = {"contacts": _CORRECTED}
    trial.run("run-2")
    trial.assert_books_agree(rows=60)
    assert trial.statuses() == {"accepted": 60}
    assert {call.number_last4 for call in trial.phonon.accepted()} == {f"{i:04}" for i in range(100, 160)}
