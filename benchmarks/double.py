"""A Phonon of almost no cost: every request is accepted, after a delay, and each number's calls are counted.

The stand-in Phonon of this project checks every rule, and takes longer for a request than a sender does. This one
only parses what tells whether a job was done right, the same for whoever sends. In a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

PROJECT = Path(__file__).resolve().parent.parent
HIGHEST_NUMBER = 9_999_999_999
"""The contacts of the benchmarks have this number and those below it, so that a call is one place of an array."""

_NUMBER = re.compile(rb'"contact-numbers": ?\["91(\d{10})"')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ANSWER = b'{"api-response-code":202,"api-response-message":"Accepted","request-id":"bench-%d","call-details":null}'


@dataclass(frozen=True)
class Seen:
    """What arrived since the last reset. Times are seconds since the epoch; ``cpu`` the double's own seconds."""

    requests: int
    body_bytes: int
    calls: int
    contacts: int
    first_at: float | None
    last_at: float | None
    cpu: float


@dataclass
class _Books:
    requests: int = 0
    body_bytes: int = 0
    calls: int = 0
    contacts: int = 0
    first_at: float | None = None
    last_at: float | None = None

    def __post_init__(self) -> None:
        self._called = bytearray(1_000_000)

    def note(self, body: bytes) -> None:
        now = time.time()
        self.first_at, self.last_at = self.first_at or now, now
        self.requests += 1
        self.body_bytes += len(body)
        for number in _NUMBER.findall(body):
            self.calls += 1
            place = HIGHEST_NUMBER - int(number)
            if place >= len(self._called):
                self._called.extend(bytes(max(place + 1 - len(self._called), len(self._called))))
            self.contacts += not self._called[place]
            self._called[place] = 1

    def summary(self) -> bytes:
        used = resource.getrusage(resource.RUSAGE_SELF)
        known = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return json.dumps(known | {"cpu": used.ru_utime + used.ru_stime}).encode()


class _Protocol(asyncio.Protocol):
    """One connection, which is kept. Requests come one after another, each with a length."""

    def __init__(self, books: list[_Books], delay: float) -> None:
        self._books = books
        self._delay = delay
        self._parts: list[bytes] = []
        self._held = 0
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)
        if self._held < self._wanted:
            return
        content = b"".join(self._parts)
        head, end, body = content.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        missing = (int(length[1]) if length else 0) - len(body)
        self._parts, self._held = [content], len(content)
        self._wanted = len(content) + (missing if end else 1)
        if end and missing <= 0:
            self._parts, self._held, self._wanted = [], 0, 0
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET "):
            if b"/reset" in head:
                self._books[0] = _Books()
            self._write(b"200 OK", self._books[0].summary())
            return
        loop = asyncio.get_running_loop()
        loop.call_later(self._delay, self._write, b"202 Accepted", _ANSWER % self._books[0].requests)
        self._books[0].note(body)

    def _write(self, status: bytes, content: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (status, len(content), content)
        )


@contextmanager
def double(*, delay: float) -> Iterator[str]:
    """Run the double while the context lasts; gives its base URL. ``delay``: seconds before each answer."""
    command = [sys.executable, "-m", "benchmarks.double", "--delay", str(delay)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def seen(url: str, *, reset: bool = False) -> Seen:
    """What the double has counted; with ``reset`` it begins anew."""
    with urlopen(Request(f"{url}/{'reset' if reset else 'seen'}")) as answer:
        return Seen(**json.load(answer))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve on a free port of the loopback until ended; the first line printed is the base URL."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.double", description=__doc__)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds before each answer")
    asyncio.run(_serve(parser.parse_args(arguments).delay))


async def _serve(delay: float) -> None:
    books = [_Books()]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Protocol(books, delay), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    main()
