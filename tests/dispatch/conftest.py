from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from dispatch.sending import Campaign, RunningClock
from phonon.dispatch import points
from simulator import Settings
from simulator.running import running
from trial import sqlite_url


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A new, empty ledger on each of the two databases."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return make_url(request.getfixturevalue("postgres_server").url)


@pytest.fixture
def new_campaign(ledger_url: URL) -> Iterator[Callable[..., Campaign]]:
    """Makes a campaign with a stand-in Phonon whose clock is that of the ledger; ``phonon`` are its settings."""
    with ExitStack() as stack:

        def make(sizes: Sequence[int], *, clock: RunningClock | None = None, **phonon: Any) -> Campaign:
            clock = clock or RunningClock()
            options = {"bulk_per_minute": 0, "realtime_per_minute": 0, **phonon}
            handle = stack.enter_context(running(Settings(**options), clock=clock.ist))
            campaign = Campaign(ledger_url, clock, handle, sizes)
            stack.callback(campaign.ledger.close)
            return campaign

        yield make


@pytest.fixture
def observe() -> Iterator[Callable[[Callable[[points.Point], None]], None]]:
    """Has a function called at every point of the protocol, until the test ends."""
    before = list(points._observers)
    yield points.observe
    points._observers[:] = before
