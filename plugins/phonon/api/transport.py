"""Writing one request to a socket and reading its answer: the only place that talks HTTP.

What matters here is to know the difference between "certainly not sent" and "perhaps received". Libraries do
not tell it reliably (a TLS error may come before or after the body), so the body itself tells: Phonon cannot
process a request of which no byte of the body was written. Nor do they end a send in time: their timeouts are
for each read of the socket, and the sender's lease on a batch relies on an end. So a timer ends it.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from phonon.api.answer import Answer, read_answer
from phonon.api.causes import NO_ANSWER_IN_TIME, cause_in_words, no_answer_in_words
from phonon.api.endpoints import Endpoint

_FRESH = {Endpoint.BULK}
"""Endpoints of which each request has a connection of its own. A server may close a kept one at the very moment at
which the next request is written: then nobody knows whether that arrived, and only real time can be asked again."""
_ANSWER_BYTES = 4_000_000
"""An answer longer than this is not Phonon's: 500 listed calls take about 60,000."""


@dataclass(frozen=True)
class Timeout:
    """Seconds to connect, and seconds from the first byte of the body to the last of the answer."""

    connect: float = 10.0
    read: float = 60.0

    @property
    def total(self) -> float:
        """The longest a send can take."""
        return self.connect + self.read


@dataclass(frozen=True)
class NotSent:
    """No byte of the body was written: the batch may be sent again freely. ``error``: the cause, and a remedy."""

    error: str


@dataclass(frozen=True)
class NoAnswer:
    """Some of the body was written and no whole answer came back: the outcome is unknown."""

    error: str


Exchange = Answer | NotSent | NoAnswer


class _Body:
    """A request body that remembers whether anything of it was asked for, and ends a send that is late.

    Close it when the answer was read.

    :param is_last: whether its connection is to carry no other one after it.
    """

    def __init__(self, content: bytes, timeout: Timeout, may_start: Callable[[], bool], *, is_last: bool) -> None:
        self.is_last = is_last
        self._content = io.BytesIO(content)
        self._may_start = may_start
        self._length = len(content)
        self._last_start = time.monotonic() + timeout.connect
        self._timer = threading.Timer(timeout.read, self.end)
        self._timer.daemon = True
        self.connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self.asked_for = False
        self.late = False

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        # requests streams what can be iterated, and urllib3 below it then calls read().
        raise io.UnsupportedOperation

    def read(self, size: int = -1) -> bytes:
        if not self.asked_for:
            # Several addresses, or a proxy, can take longer to connect to than the timeout of one try.
            if time.monotonic() > self._last_start or not self._may_start() or self.late:
                raise TimeoutError
            self.asked_for = True
            self._socket = self.connection.sock if self.connection else None
            self._timer.start()
        return self._content.read(size)

    def close(self) -> None:
        self._timer.cancel()

    def end(self) -> None:
        self.late = True
        if self._socket is not None:
            # Closing a socket would not wake the thread that waits for it.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    """Tells a body which connection it goes over, and is not used again after one that asks for that."""

    _is_spent = False

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(body, _Body):
            body.connection = self
            self._is_spent = body.is_last
        super().request(method, url, body, *args, **kwargs)

    @property
    def is_connected(self) -> bool:
        """Asked by urllib3 of a kept connection; one that is not is connected anew."""
        return super().is_connected and not self._is_spent


class _SecureConnection(_Connection, HTTPSConnection):
    """The same with TLS."""


class Transport:
    """Posts bodies to the two addresses of an account. Safe to use from several threads.

    :param session: carries TLS, proxies and keep-alive connections.
    :param urls: the whole URL of the create call of each endpoint.
    """

    def __init__(self, session: requests.Session, urls: Mapping[Endpoint, str], timeout: Timeout) -> None:
        self._session = session
        self._urls = dict(urls)
        self._bodies: set[_Body] = set()
        self.timeout = timeout

    def post(self, endpoint: Endpoint, content: bytes, *, may_start: Callable[[], bool]) -> Exchange:
        """Send one body once: no redirect is followed and nothing is repeated.

        :param may_start: asked right before the first byte of the body, for a sender that was asleep since it
            was told to send.
        """
        if not may_start():
            return NotSent("the sender was suspended for too long before it could send")
        with closing(_Body(content, self.timeout, may_start, is_last=endpoint in _FRESH)) as body:
            self._bodies.add(body)
            try:
                return self._exchange(self._urls[endpoint], body)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                # Not only requests' own: it passes some of the errors below it on as they are.
                if body.asked_for:
                    return NoAnswer(NO_ANSWER_IN_TIME if body.late else no_answer_in_words(error))
                return NotSent(cause_in_words(error))
            finally:
                self._bodies.discard(body)

    def cut_off(self) -> None:
        """End what is being sent at once: each ``post`` returns without an answer, one that connects in a while."""
        for body in list(self._bodies):
            body.end()

    def _exchange(self, url: str, body: _Body) -> Answer:
        # Not session.post(): it reads the whole body of a redirect, however long, even when told not to follow.
        headers = {"Content-Type": "application/json"} | ({"Connection": "close"} if body.is_last else {})
        prepared = self._session.prepare_request(requests.Request("POST", url, data=body, headers=headers))
        settings: dict[str, Any] = dict(self._session.merge_environment_settings(url, {}, True, None, None))
        adapter = cast("HTTPAdapter", self._session.get_adapter(url))
        pool = cast(
            "HTTPConnectionPool",
            adapter.get_connection_with_tls_context(
                prepared, settings["verify"], proxies=settings["proxies"], cert=settings["cert"]
            ),
        )
        pool.ConnectionCls = _SecureConnection if pool.scheme == "https" else _Connection
        with adapter.send(prepared, timeout=(self.timeout.connect, self.timeout.read), **settings) as response:
            content = _read(response)
            if body.late:
                raise TimeoutError
            return read_answer(response.status_code, content, retry_after=response.headers.get("Retry-After"))

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()


def _read(response: requests.Response) -> bytes:
    """The whole body of an answer, or an error when it is cut short, endless or only the first of two."""
    if response.status_code < 200:
        # The real answer would come next, and pass for that of the next request on this connection.
        raise ValueError
    content = b""
    for piece in response.iter_content(65_536):
        content += piece
        if len(content) > _ANSWER_BYTES:
            raise ValueError
    return content
