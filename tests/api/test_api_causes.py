"""What a person is told when Phonon cannot be reached: the cause in words, and its own remedy."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from api.certificates import certified
from api.posting import Serve
from api.raw_server import Behaviour, Visit, answering, http
from closed_port import closed_port
from phonon.api.causes import NO_ANSWER_IN_TIME
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Exchange, NoAnswer, NotSent, Timeout, Transport

PASSWORD = "".join(random.Random(9).choices("abcdefgh", k=12))
OK = http("200 OK", b'{"api-response-code": 200}')
PATIENT = Timeout(connect=5, read=10)
_NO_CLASS_NAME = re.compile(r"Error\b|<-|Exception|urllib3|Max retries")


@dataclass
class World:
    """What a case may use to build its fault."""

    serve: Serve
    folder: Path
    closed: int

    def post(
        self, url: str, *, verify: bool | str = True, proxy: str | None = None, timeout: Timeout = PATIENT
    ) -> Exchange:
        session = requests.Session()
        session.trust_env = False
        session.verify = verify
        if proxy:
            session.proxies = {"http": proxy, "https": proxy}
        transport = Transport(session, {Endpoint.REALTIME: url}, timeout)
        try:
            return transport.post(Endpoint.REALTIME, b"{}", may_start=lambda: True)
        finally:
            transport.close()

    def tls(self, *, host: str = "127.0.0.1", trusted: bool = True, days: tuple[int, int] = (-1, 1)) -> Exchange:
        now = datetime.now(UTC)
        made = certified(
            self.folder, host=host, valid=(now + timedelta(days=days[0]), now + timedelta(days=days[1]))
        )
        server = self.serve(answering(OK), made.context)
        return self.post(server.url, verify=made.bundle if trusted else True)

    def through(self, behaviour: Behaviour) -> Exchange:
        proxy = self.serve(behaviour)
        return self.post("https://phonon.invalid/create", proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")


@pytest.fixture
def world(serve: Serve, tmp_path: Path) -> Iterator[World]:
    with closed_port() as port:
        yield World(serve, tmp_path, port)


def refusing(status: str) -> Behaviour:
    def behave(visit: Visit) -> None:
        visit.head()
        visit.send(http(status, b"no"))

    return behave


def plain(visit: Visit) -> None:
    visit.send(http("400 Bad Request", b""))
    visit.drain()


def hang_up(visit: Visit) -> None:
    visit.reset()


CASES: dict[str, tuple[Callable[[World], Exchange], str, str]] = {
    "nobody listens": (
        lambda world: world.post(f"http://127.0.0.1:{world.closed}/create"),
        "Phonon refused the connection",
        "check host and port in the URL",
    ),
    "no such host": (
        lambda world: world.post("https://nosuch.invalid/create"),
        "no address (DNS)",
        "correct it in the URL",
    ),
    "no host can be called that": (
        lambda world: world.post(f"https://{'x' * 64}.example.com/create"),
        "no address (DNS)",
        "correct it in the URL",
    ),
    "silence": (
        lambda world: world.post(
            world.serve(Visit.stay_silent).url.replace("http:", "https:"), timeout=Timeout(0.3, 10)
        ),
        "Phonon did not answer in time",
        "firewall opened",
    ),
    "closed at once": (
        lambda world: world.post(world.serve(hang_up).url.replace("http:", "https:")),
        "Phonon closed the connection",
        "check port and http(s)://",
    ),
    "not trusted": (
        lambda world: world.tls(trusted=False),
        "the certificate of Phonon is not trusted",
        "CA bundle, a file's path, into verify",
    ),
    "expired": (lambda world: world.tls(days=(-3, -1)), "has expired", "clock"),
    "not valid yet": (lambda world: world.tls(days=(1, 3)), "not valid yet", "set this machine's clock"),
    "of another host": (
        lambda world: world.tls(host="phonon.example.com"),
        "the certificate is for another host",
        "correct the host in the URL",
    ),
    "the bundle is gone": (
        lambda world: world.post(world.serve(answering(OK)).url.replace("http:", "https:"), verify="/gone.pem"),
        "the file of authorities is gone",
        "correct the path in verify",
    ),
    "no TLS there": (
        lambda world: world.post(world.serve(plain).url.replace("http:", "https:")),
        "Phonon answers without TLS there",
        "correct the port or https://",
    ),
    "a proxy that wants a password": (
        lambda world: world.through(refusing("407 Proxy Authentication Required")),
        "the proxy wants a user and a password (407)",
        "http://USER:PASSWORD@HOST:PORT",
    ),
    "a proxy that forbids": (
        lambda world: world.through(refusing("403 Forbidden")),
        "the proxy forbids Phonon's address (403)",
        "those who run it",
    ),
    "a proxy that reaches nobody": (
        lambda world: world.through(refusing("502 Bad Gateway")),
        "the proxy could not reach Phonon (502)",
        "ask those who run it",
    ),
    "a proxy that is down": (
        lambda world: world.post("https://127.0.0.1:9/x", proxy=f"http://user:{PASSWORD}@127.0.0.1:{world.closed}"),
        "the proxy refused the connection",
        "check host and port in proxy",
    ),
    "a proxy without address": (
        lambda world: world.post("https://127.0.0.1:9/x", proxy=f"http://user:{PASSWORD}@nosuch.invalid:3128"),
        "the host of the proxy has no address (DNS)",
        "correct it in proxy",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_said_in_words_with_its_own_remedy(world: World, case: str) -> None:
    fault, cause, remedy = CASES[case]
    exchange = fault(world)
    assert isinstance(exchange, NotSent)
    assert cause in exchange.error
    assert remedy in exchange.error
    assert not _NO_CLASS_NAME.search(exchange.error)
    assert PASSWORD not in exchange.error
    assert len(f"Phonon could not be reached: {exchange.error}.") < 150


def cut_short(visit: Visit) -> None:
    visit.request()
    visit.send(OK[:-4])


def reset(visit: Visit) -> None:
    visit.request()
    visit.reset()


def silent(visit: Visit) -> None:
    visit.request()
    visit.stay_silent()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (cut_short, "the answer was cut short"),
        (reset, "the connection broke before the answer"),
        (silent, NO_ANSWER_IN_TIME),
    ],
)
def test_a_request_without_an_answer_says_how_it_ended(world: World, behaviour: Behaviour, said: str) -> None:
    exchange = world.post(world.serve(behaviour).url, timeout=Timeout(5, 0.5))
    assert exchange == NoAnswer(said)
