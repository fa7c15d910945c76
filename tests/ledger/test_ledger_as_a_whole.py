"""Random lives of a ledger, on both databases.

``LEDGER_LIVES=1000 pytest tests/ledger/test_ledger_as_a_whole.py`` looks much deeper than a usual run.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import URL, make_url

from ledger.ledger_machine import LedgerMachine
from ledger.promises import NOON, Clock, new_batch, new_plan
from phonon.ledger.claims import Reject, add_batch, add_rejects, finish_plan
from phonon.ledger.report import result_rows
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger

_LIVES = int(os.environ.get("LEDGER_LIVES", "0"))


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.timeout(300 if not _LIVES else 0)
def test_whatever_happens_the_ledger_keeps_its_promises(database: str, request: pytest.FixtureRequest) -> None:
    url = URL.create("sqlite")
    if database == "postgres":
        url = make_url(request.getfixturevalue("postgres_server").url)
    clock = Clock()
    ledger = Ledger(url, clock=clock)
    lives = settings(
        max_examples=_LIVES or {"sqlite": 60, "postgres": 40}[database],
        stateful_step_count=60 if _LIVES else 30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: LedgerMachine(ledger, clock), settings=lives)  # type: ignore[no-untyped-call]
    ledger.close()


def test_a_contact_that_a_newer_query_found_bad_has_one_row(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        older, newer = new_plan(connection, "run-1"), new_plan(connection, "run-2")
        add_rejects(connection, newer, [Reject(0, "a", CallStatus.INVALID, "number: too short")])
        finish_plan(connection, newer, rows_read=1, planned=0, now=NOON)
        add_batch(connection, older, new_batch(["a"]), NOON)
    rows = [row for chunk in result_rows(ledger, older.interval_id, chunk_rows=10) for row in chunk]
    assert [row["status"] for row in rows] == ["pending"]
