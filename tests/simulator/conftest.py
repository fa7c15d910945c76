"""The stand-in, alone and on a socket, and a way to send to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import requests

from simulator import Settings
from simulator.running import Handle, running


@pytest.fixture
def start() -> Iterator[Callable[[Settings], Handle]]:
    """Start a stand-in with settings; it is stopped when the test ends."""
    with ExitStack() as stack:
        yield lambda settings: stack.enter_context(running(settings))


@pytest.fixture(scope="module")
def shared() -> Iterator[Handle]:
    """Serve all tests of a module with one stand-in of default settings."""
    with running() as handle:
        yield handle


@pytest.fixture
def standin(shared: Handle) -> Handle:
    """Return the module's stand-in, fresh."""
    shared.reset()
    return shared


@pytest.fixture
def post() -> Iterator[Callable[..., requests.Response]]:
    """Post a body as JSON, on one kept-alive session."""
    with requests.Session() as session:
        yield lambda url, body, timeout=10.0: session.post(
            url, data=body, headers={"Content-Type": "application/json"}, timeout=timeout
        )
