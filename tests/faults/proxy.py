"""A TCP proxy between the sender and the stand-in Phonon that does what bad networks do to one request."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_HEAD_END = b"\r\n\r\n"
_PATIENCE_SECONDS = 20


class What(StrEnum):
    """What the proxy does to a request."""

    RESET = "reset"
    """Resets both connections."""
    STALL = "stall"
    """Passes nothing on any more and keeps the connections open until the sender has given up."""
    END = "end"
    """Closes the sender's connection, as after a whole answer."""
    TWICE_FIRST = "twice, the first answer"
    """Sends the same bytes twice, on two connections, and gives the first answer."""
    TWICE_SECOND = "twice, the second answer"


class Where(StrEnum):
    """How far the request has come by then."""

    BEFORE_BODY = "before the body"
    IN_BODY = "in the middle of the body"
    AFTER_BODY = "after the body"
    IN_ANSWER = "in the middle of the answer"


@dataclass(frozen=True)
class Trouble:
    """What happens, and where; the place says nothing for a request that is sent twice."""

    what: What
    where: Where = Where.AFTER_BODY

    def __str__(self) -> str:
        return self.what if self.what in {What.TWICE_FIRST, What.TWICE_SECOND} else f"{self.what} {self.where}"


class _Over(Exception):  # noqa: N818 - no error
    """Nothing more is passed on over this connection."""


class Proxy:
    """Passes requests on to ``url``, one after another on each connection, until it is told to make trouble."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._target = (place.hostname or "", place.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._troubles: list[Trouble | None] = []
        self.struck = 0

    def trouble(self, trouble: Trouble, *, skip: int = 0, times: int = 1) -> None:
        """Spare the next ``skip`` requests and trouble the ``times`` after them."""
        with self._lock:
            self._troubles = [None] * skip + [trouble] * times

    def serve(self) -> None:
        """Take connections until the proxy is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.settimeout(_PATIENCE_SECONDS)
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _talk(self, client: socket.socket) -> None:
        with closing(client), suppress(_Over, OSError):
            while True:
                head, rest = _head(client)
                trouble = self._next()
                self._pass_on(client, head, rest, trouble)

    def _next(self) -> Trouble | None:
        with self._lock:
            trouble = self._troubles.pop(0) if self._troubles else None
            self.struck += trouble is not None
            return trouble

    def _pass_on(self, client: socket.socket, head: bytes, rest: bytes, trouble: Trouble | None) -> None:
        with ExitStack() as stack:
            upstream = stack.enter_context(closing(self._upstream()))
            if trouble and trouble.where is Where.BEFORE_BODY:
                _strike(trouble.what, client, upstream)
            size = _length(head)
            if trouble and trouble.where is Where.IN_BODY:
                half = rest + _exactly(client, size // 2 - len(rest))
                upstream.sendall(head + half[: size // 2])
                _strike(trouble.what, client, upstream)
            body = rest + _exactly(client, size - len(rest))
            answer = _ask(upstream, head + body)
            if trouble and trouble.what in {What.TWICE_FIRST, What.TWICE_SECOND}:
                second = _ask(stack.enter_context(closing(self._upstream())), head + body)
                client.sendall(answer if trouble.what is What.TWICE_FIRST else second)
                return
            if trouble and trouble.where is Where.IN_ANSWER:
                client.sendall(answer[: answer.index(_HEAD_END) + 10])
            if trouble:
                _strike(trouble.what, client, upstream)
            client.sendall(answer)

    def _upstream(self) -> socket.socket:
        return socket.create_connection(self._target, timeout=_PATIENCE_SECONDS)


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy on a free port of the loopback, while the context lasts."""
    proxy = Proxy(url)
    thread = threading.Thread(target=proxy.serve, name="proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()


def _strike(what: What, client: socket.socket, upstream: socket.socket) -> None:
    if what is What.RESET:
        for each in (client, upstream):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
    elif what is What.STALL:
        while client.recv(65_536):
            pass
    raise _Over


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while _HEAD_END not in received:
        received += _some(client)
    end = received.index(_HEAD_END) + len(_HEAD_END)
    return received[:end], received[end:]


def _ask(upstream: socket.socket, request: bytes) -> bytes:
    upstream.sendall(request)
    head, rest = _head(upstream)
    return head + rest + _exactly(upstream, _length(head) - len(rest))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("A message without a Content-Length cannot be passed on.")


def _exactly(source: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += _some(source)
    return received


def _some(source: socket.socket) -> bytes:
    received = source.recv(65_536)
    if not received:
        raise _Over
    return received
