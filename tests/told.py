"""Where notifiers lead in tests: a mail server and an HTTP server on free ports that keep what they are sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from threading import Thread
from typing import Any, TypeVar

_Server = TypeVar("_Server", bound=TCPServer)


class MailServer(ThreadingTCPServer):
    """As much of SMTP as a client needs that neither encrypts nor logs in."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[EmailMessage] = []

    @property
    def connection(self) -> dict[str, Any]:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "phonon@example.com"}
        return {"conn_type": "smtp", "host": "127.0.0.1", "port": self.server_address[1], "extra": extra}

    def subjects(self) -> list[str]:
        return [str(mail["subject"]) for mail in self.mails]

    def texts(self) -> list[str]:
        return [str(part.get_content()) for mail in self.mails for part in mail.walk() if not part.is_multipart()]


class _Session(StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            command = line[:4].upper().strip()
            if command == b"DATA":
                self._say("354 go on")
                self._keep()
            self._say("221 bye" if command == b"QUIT" else "250 fine")

    def _keep(self) -> None:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.server.mails.append(mail)  # type: ignore[attr-defined]

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class WebServer(ThreadingHTTPServer):
    """Answers every POST of JSON with ``status``, and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.status = 200
        self.posts: list[dict[str, Any]] = []

    @property
    def connection(self) -> dict[str, Any]:
        return {"conn_type": "http", "host": "127.0.0.1", "port": self.server_address[1], "schema": "http"}


class _Request(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        self.server.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(server: _Server) -> Iterator[_Server]:
    """Serve until the block ends."""
    with server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
