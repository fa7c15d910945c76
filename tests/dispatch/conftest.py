from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import URL

from dispatch.sending import Campaign, RunningClock
from phonon.dispatch import points
from simulator import Settings
from simulator.running import running


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
