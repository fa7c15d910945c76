"""Servers on real sockets for the tests of the wire."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from api.posting import Serve
from api.raw_server import Behaviour, RawServer, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with a behaviour, over TLS if it gets a context; it is stopped when the test ends."""
    with ExitStack() as stack:

        def start(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> RawServer:
            return stack.enter_context(serving(behaviour, context=context))

        yield start
