"""New, empty ledgers for tests, on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from ledger.promises import Clock
from phonon.ledger.store import Ledger
from trial import sqlite_url


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """Where a new, empty ledger is, on each of the two databases."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return make_url(request.getfixturevalue("postgres_server").url)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: URL, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger(ledger_url, clock=clock)
    yield opened
    opened.close()
