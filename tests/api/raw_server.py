"""A server on a real socket that does with a request exactly what a test wants, HTTP or not."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

_LINGER_ZERO = struct.pack("ii", 1, 0)
_END_OF_HEAD = b"\r\n\r\n"
_PATIENCE_SECONDS = 20.0


class Visit:
    """One connection of a client, and what has arrived over it."""

    def __init__(self, connection: socket.socket, server: RawServer) -> None:
        self._connection = connection
        self._server = server
        self._unread = b""

    def head(self) -> bytes | None:
        """Read the head of the next request and count the request; None when the client has gone."""
        while _END_OF_HEAD not in self._unread:
            if not self._receive():
                return None
        head, _, self._unread = self._unread.partition(_END_OF_HEAD)
        self._server.heads.append(head)
        return head

    def request(self) -> bytes | None:
        """Read the next request whole; gives its body, or None when the client has gone."""
        head = self.head()
        if head is None:
            return None
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        while len(self._unread) < length:
            if not self._receive():
                return None
        body, self._unread = self._unread[:length], self._unread[length:]
        self._server.bodies.append(body)
        return body

    def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(content)

    def dribble(self, content: bytes, *, pause: float = 0.02) -> None:
        """Send byte after byte, with a pause in between that is far below any timeout."""
        for position in range(len(content)):
            if position == len(content) - 1:
                self._server.dribbled += 1
            self.send(content[position : position + 1])
            if self._server.stopping.wait(pause):
                return

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on in TLS, as behind a proxy's CONNECT."""
        self._connection = context.wrap_socket(self._connection, server_side=True)

    def stay_silent(self) -> None:
        """Keep the connection open until the test is over."""
        self._server.stopping.wait(_PATIENCE_SECONDS)

    def pause(self, seconds: float) -> None:
        """Do nothing for a while."""
        self._server.stopping.wait(seconds)

    def drain(self) -> None:
        """Read until the client has gone, and keep nothing."""
        while self._receive():
            self._unread = b""

    def reset(self) -> None:
        """Reset the connection (TCP RST) instead of closing it."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.close()

    def interrupt(self) -> None:
        """End the connection while another thread waits for it."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _receive(self) -> bool:
        piece = self._connection.recv(65_536)
        self._unread += piece
        return bool(piece)


Behaviour = Callable[[Visit], None]
"""What is done with a connection; when it returns, the connection is closed."""


class RawServer:
    """Counts what arrives.

    ``visits`` are the connections made, ``heads`` the requests begun, ``bodies`` those that arrived whole;
    ``dribbled`` counts the dribbles that came to their last byte.
    """

    def __init__(self, behaviour: Behaviour, context: ssl.SSLContext | None) -> None:
        self.visits = 0
        self.dribbled = 0
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.stopping = threading.Event()
        self._behaviour = behaviour
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[Visit] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """The URL of a create call, over TLS when the server has a certificate."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/outbound/create"

    def stop(self) -> None:
        """Stop listening and wait for the connections to end."""
        self.stopping.set()
        # Closing a socket does not wake the thread that accepts on it; shutting it down does.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        # A client may keep its connection until its memory is collected.
        for visit in self._open:
            visit.interrupt()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)

    def await_visits(self) -> None:
        """Wait until the connections made so far have ended."""
        for thread in self._threads[1:]:
            thread.join(_PATIENCE_SECONDS)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            thread = threading.Thread(target=self._receive, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _receive(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE_SECONDS)
        # A client that gives up, or that does not trust the certificate, is what many of the tests are about.
        with suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            visit = Visit(connection, self)
            self._open.append(visit)
            with closing(visit):
                self._behaviour(visit)


@contextmanager
def serving(behaviour: Behaviour, *, context: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Serve with a behaviour while the context lasts."""
    server = RawServer(behaviour, context)
    try:
        yield server
    finally:
        server.stop()


def http(status: str, body: bytes, *headers: str) -> bytes:
    """Return an HTTP answer with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


def answering(answer: bytes) -> Behaviour:
    """Return a behaviour that gives every request of a connection the same answer."""

    def answer_all(visit: Visit) -> None:
        while visit.request() is not None:
            visit.send(answer)

    return answer_all
