"""Clocks that are off: told, or refused, before anything is planned."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ledger.promises import NOON, Clock, new_plan
from phonon.errors import ConfigurationError
from phonon.ledger.store import Ledger
from phonon.planning.clocks import check_clocks
from postgres_server import PostgresDatabase
from trial import sqlite_url

LOG = logging.getLogger("clocks")


@pytest.fixture
def shared(postgres_server: PostgresDatabase) -> Ledger:
    return Ledger(make_url(postgres_server.url))


def test_clocks_that_agree_are_not_spoken_of(shared: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    check_clocks(shared, LOG)
    assert not caplog.records
    shared.close()


@pytest.mark.parametrize(("off", "told"), [(30, "30 s behind"), (-30, "30 s ahead of")])
def test_a_worker_that_is_seconds_off_the_ledgers_database_is_told(
    shared: Ledger, off: int, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    check_clocks(shared, LOG, machine=lambda: time.time() + off)
    assert f"The clock of the ledger's database is {told} this worker's" in caplog.text
    shared.close()


@pytest.mark.parametrize(("off", "told"), [(600, "600 s behind"), (-600, "600 s ahead of")])
def test_with_a_worker_that_is_minutes_off_nothing_is_planned(shared: Ledger, off: int, told: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{told} this worker's\..*Nothing was planned\. Set both by NTP"):
        check_clocks(shared, LOG, machine=lambda: time.time() + off)
    shared.close()


def test_an_sqlite_ledger_has_the_clock_of_its_machine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(sqlite_url(tmp_path))
    caplog.clear()  # of what making the tables has logged
    check_clocks(ledger, LOG, machine=lambda: time.time() + 600)
    assert not caplog.records
    ledger.close()


def test_a_clock_that_stands_before_the_last_plan_is_told(
    ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with ledger.transaction() as connection:
        new_plan(connection)
    clock.seconds = NOON - 30
    check_clocks(ledger, LOG)
    assert not caplog.records
    clock.seconds = NOON - 3600
    check_clocks(ledger, LOG)
    assert "shows 2026-11-24 11:00:00 UTC, and its last plan was made at 2026-11-24 12:00:00 UTC" in caplog.text
