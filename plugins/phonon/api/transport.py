"""Writing one request to a socket and reading its answer: the only place that talks HTTP.

What matters here is to know the difference between "certainly not sent" and "perhaps received". Libraries do
not tell it reliably (a TLS error may come before or after the body), so the body itself tells: Phonon cannot
process a request of which no byte of the body was written.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import requests

from phonon.api.answer import Answer, read_answer
from phonon.api.endpoints import Endpoint

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
    """No byte of the body was written: the batch may be sent again freely."""

    error: str


@dataclass(frozen=True)
class NoAnswer:
    """Some of the body was written and no whole answer came back: the outcome is unknown."""

    error: str


Exchange = Answer | NotSent | NoAnswer


class _Body:
    """A request body that remembers whether anything of it was asked for, and refuses to be late."""

    def __init__(self, content: bytes, read_seconds: float) -> None:
        self._content = io.BytesIO(content)
        self._length = len(content)
        self._read_seconds = read_seconds
        self.deadline: float | None = None

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        # requests streams what can be iterated, and urllib3 below it then calls read().
        raise io.UnsupportedOperation

    def read(self, size: int = -1) -> bytes:
        now = time.monotonic()
        if self.deadline is None:
            self.deadline = now + self._read_seconds
        if now > self.deadline:
            raise TimeoutError
        return self._content.read(size)


class Transport:
    """Posts bodies to the two addresses of an account. Safe to use from several threads.

    :param session: carries TLS, proxies and keep-alive connections.
    :param urls: the whole URL of the create call of each endpoint.
    """

    def __init__(self, session: requests.Session, urls: Mapping[Endpoint, str], timeout: Timeout) -> None:
        self._session = session
        self._urls = dict(urls)
        self.timeout = timeout

    def post(self, endpoint: Endpoint, content: bytes, *, may_start: Callable[[], bool]) -> Exchange:
        """Send one body once: no redirect is followed and nothing is repeated.

        :param may_start: asked right before the socket is used, for a sender that was asleep since it was
            told to send.
        """
        if not may_start():
            return NotSent("the sender was suspended for too long before it could send")
        body = _Body(content, self.timeout.read)
        try:
            with self._session.post(
                self._urls[endpoint],
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=(self.timeout.connect, self.timeout.read),
                allow_redirects=False,
                stream=True,
            ) as response:
                return read_answer(
                    response.status_code,
                    _read(response, body.deadline or 0),
                    retry_after=response.headers.get("Retry-After"),
                )
        except (requests.RequestException, OSError, ValueError) as error:
            return NotSent(_name(error)) if body.deadline is None else NoAnswer(_name(error))

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()


def _read(response: requests.Response, deadline: float) -> bytes:
    """The whole body of an answer, or an error when it is cut short, endless or late."""
    content = b""
    for piece in response.iter_content(65_536):
        content += piece
        if time.monotonic() > deadline:
            raise TimeoutError
        if len(content) > _ANSWER_BYTES:
            raise ValueError
    return content


def _name(error: BaseException) -> str:
    """The kinds of an error and of what caused it; its text may hold a proxy's password."""
    names = [type(error).__name__]
    cause = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
    while cause is not None and len(names) < 4:
        names.append(type(cause).__name__)
        reason = getattr(cause, "reason", None)
        cause = reason if isinstance(reason, BaseException) else None
    return " <- ".join(names)
