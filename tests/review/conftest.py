from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from dispatch.sending import Campaign, RunningClock
from simulator import Settings
from simulator.running import running
from trial import Trial


@pytest.fixture
def new_trial(tmp_path: Path, ledger_url: URL) -> Iterator[Callable[..., Trial]]:
    """Makes a trial with a stand-in Phonon of its own."""
    with ExitStack() as stack:

        def make(**options: Any) -> Trial:
            phonon = stack.enter_context(running(Settings(bulk_per_minute=600, realtime_per_minute=600)))
            return Trial(tmp_path, phonon, ledger_url, **options)

        yield make


@pytest.fixture
def new_campaign(ledger_url: URL) -> Iterator[Callable[..., Campaign]]:
    """Makes a campaign with a stand-in Phonon whose clock is that of the ledger."""
    with ExitStack() as stack:

        def make(sizes: Sequence[int], *, clock: RunningClock) -> Campaign:
            settings = Settings(bulk_per_minute=0, realtime_per_minute=0)
            handle = stack.enter_context(running(settings, clock=clock.ist))
            campaign = Campaign(ledger_url, clock, handle, sizes)
            stack.callback(campaign.ledger.close)
            return campaign

        yield make
