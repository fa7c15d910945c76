from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from concurrency.offices import Office
from phonon.dispatch import points
from simulator import Settings
from simulator.running import Handle, running


@pytest.fixture(scope="session", autouse=True)
def _senders_start_at_once() -> None:
    """Have the server that processes are forked from import what they need, once."""
    forkserver.set_forkserver_preload(
        ["trial_process", "concurrency.followers", "concurrency.offices", "concurrency.hurried"]
    )
    forkserver.ensure_running()


@pytest.fixture
def new_phonon() -> Iterator[Callable[..., Handle]]:
    """Starts a stand-in Phonon, without a limit unless ``settings`` say otherwise."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Handle:
            return stack.enter_context(
                running(Settings(**{"bulk_per_minute": 0, "realtime_per_minute": 0, **settings}))
            )

        yield make


@pytest.fixture
def new_office(tmp_path: Path, ledger_url: URL) -> Callable[..., Office]:
    """Makes a campaign around the test's one ledger."""

    def make(phonon: Handle, **options: Any) -> Office:
        return Office(tmp_path, phonon, ledger_url, **options)

    return make


@pytest.fixture
def observe() -> Iterator[Callable[[Callable[[points.Point], None]], None]]:
    """Has a function called at every point of the protocol, until the test ends."""
    before = list(points._observers)
    yield points.observe
    points._observers[:] = before
