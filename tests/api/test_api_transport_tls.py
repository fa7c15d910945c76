"""TLS and proxies: nothing is sent to whom is not trusted, and nothing of a password is told."""

from __future__ import annotations

import random
import socket
import ssl
from pathlib import Path

import pytest
import requests

from api.certificates import Certified, certified
from api.posting import Serve
from api.raw_server import Behaviour, RawServer, Visit, answering, http
from phonon.api.answer import Answer
from phonon.api.causes import NO_ANSWER_IN_TIME
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Exchange, NoAnswer, NotSent, Timeout, Transport

SECRET = "".join(random.Random(8).choices("ABCDEFGHabcdefgh0123456789", k=64))
PROXY_PASSWORD = "".join(random.Random(9).choices("abcdefgh", k=12))
BODY = b'{"security-id": "%s"}' % SECRET.encode()
SUCCESS = b'{"api-response-code": 200, "api-response-message": "Success"}'
OK = http("200 OK", SUCCESS)
PATIENT = Timeout(connect=5, read=10)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("ours"), host="127.0.0.1")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("strangers"), host="127.0.0.1")


def post(url: str, *, verify: bool | str = True, proxy: str | None = None, timeout: Timeout = PATIENT) -> Exchange:
    session = requests.Session()
    session.trust_env = False
    session.verify = verify
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    transport = Transport(session, {Endpoint.REALTIME: url}, timeout)
    try:
        return transport.post(Endpoint.REALTIME, BODY, may_start=lambda: True)
    finally:
        transport.close()


def proxy_url(server: RawServer) -> str:
    return f"http://user:{PROXY_PASSWORD}@127.0.0.1:{server.port}"


def test_a_server_whose_authority_is_trusted_gets_the_body(serve: Serve, ours: Certified) -> None:
    server = serve(answering(OK), ours.context)
    assert isinstance(post(server.url, verify=ours.bundle), Answer)
    assert server.bodies == [BODY]


def test_a_certificate_of_an_unknown_authority_gets_nothing(serve: Serve, ours: Certified) -> None:
    server = serve(answering(OK), ours.context)
    assert isinstance(post(server.url), NotSent)
    assert server.heads == []


def test_a_certificate_of_another_authority_gets_nothing(
    serve: Serve, ours: Certified, strangers: Certified
) -> None:
    server = serve(answering(OK), strangers.context)
    assert isinstance(post(server.url, verify=ours.bundle), NotSent)
    assert server.heads == []


def test_a_certificate_for_another_host_gets_nothing(serve: Serve, tmp_path: Path) -> None:
    elsewhere = certified(tmp_path, host="phonon.example.com")
    server = serve(answering(OK), elsewhere.context)
    assert isinstance(post(server.url, verify=elsewhere.bundle), NotSent)
    assert server.heads == []


def test_tls_to_a_port_that_speaks_plain_http_is_not_sent(serve: Serve) -> None:
    def refuse_in_plain_text(visit: Visit) -> None:
        visit.send(http("400 Bad Request", b""))
        visit.drain()

    server = serve(refuse_in_plain_text)
    assert isinstance(post(server.url.replace("http:", "https:")), NotSent)
    assert server.heads == []


def test_a_server_that_does_not_answer_the_tls_greeting_is_not_sent(serve: Serve) -> None:
    server = serve(Visit.stay_silent)
    assert isinstance(post(server.url.replace("http:", "https:"), timeout=Timeout(0.3, 10)), NotSent)


def test_plain_http_to_a_port_that_speaks_tls_has_no_answer(serve: Serve, ours: Certified) -> None:
    server = serve(answering(OK), ours.context)
    assert isinstance(post(server.url.replace("https:", "http:")), NoAnswer | Answer)
    assert server.heads == []


def test_a_bundle_that_has_gone_since_is_not_sent(serve: Serve, ours: Certified, tmp_path: Path) -> None:
    server = serve(answering(OK), ours.context)
    assert isinstance(post(server.url, verify=str(tmp_path / "gone.pem")), NotSent)
    assert server.visits == 0


def reset_after_the_body(visit: Visit) -> None:
    visit.request()
    visit.reset()


def half_an_answer(visit: Visit) -> None:
    visit.request()
    visit.send(OK[:-10])


@pytest.mark.parametrize("behaviour", [reset_after_the_body, half_an_answer])
def test_a_tls_connection_that_breaks_after_the_body_has_no_answer(
    serve: Serve, ours: Certified, behaviour: Behaviour
) -> None:
    server = serve(behaviour, ours.context)
    exchange = post(server.url, verify=ours.bundle)
    assert isinstance(exchange, NoAnswer)
    assert server.bodies == [BODY]
    assert SECRET not in exchange.error


def dribble(visit: Visit) -> None:
    visit.request()
    visit.dribble(http("200 OK", SUCCESS, "X-Pad: " + "x" * 200))


def test_a_send_over_tls_ends_at_its_deadline(serve: Serve, ours: Certified) -> None:
    server = serve(dribble, ours.context)
    exchange = post(server.url, verify=ours.bundle, timeout=Timeout(5, 0.3))
    assert exchange == NoAnswer(NO_ANSWER_IN_TIME)
    assert (len(server.heads), server.dribbled) == (1, 0)


def tunnel(context: ssl.SSLContext, then: Behaviour) -> Behaviour:
    """A proxy that plays the server at the end of the tunnel as well."""

    def behave(visit: Visit) -> None:
        visit.head()
        visit.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        visit.start_tls(context)
        then(visit)

    return behave


def test_a_proxy_is_asked_for_a_tunnel_and_never_sees_the_body_in_the_clear(serve: Serve, ours: Certified) -> None:
    proxy = serve(tunnel(ours.context, answering(OK)))
    assert isinstance(post("https://127.0.0.1:9/create", verify=ours.bundle, proxy=proxy_url(proxy)), Answer)
    connect, request = proxy.heads
    assert connect.startswith(b"CONNECT 127.0.0.1:9 ")
    assert b"Proxy-Authorization: Basic" in connect
    assert request.startswith(b"POST /create ")
    assert b"Proxy-Authorization" not in request
    assert proxy.bodies == [BODY]


def test_a_proxy_that_plays_the_server_with_a_wrong_certificate_gets_nothing(
    serve: Serve, ours: Certified, strangers: Certified
) -> None:
    proxy = serve(tunnel(strangers.context, answering(OK)))
    exchange = post("https://127.0.0.1:9/create", verify=ours.bundle, proxy=proxy_url(proxy))
    assert isinstance(exchange, NotSent)
    assert len(proxy.heads) == 1


def test_a_send_through_a_tunnel_ends_at_its_deadline(serve: Serve, ours: Certified) -> None:
    proxy = serve(tunnel(ours.context, dribble))
    exchange = post(
        "https://127.0.0.1:9/create", verify=ours.bundle, proxy=proxy_url(proxy), timeout=Timeout(5, 0.3)
    )
    assert exchange == NoAnswer(NO_ANSWER_IN_TIME)
    assert proxy.dribbled == 0


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway"])
def test_a_proxy_that_refuses_the_tunnel_is_not_sent(serve: Serve, status: str) -> None:
    server = serve(answering(OK))

    def refuse(visit: Visit) -> None:
        visit.head()
        visit.send(http(status, b"no"))

    proxy = serve(refuse)
    exchange = post(server.url.replace("http:", "https:"), proxy=proxy_url(proxy))
    assert isinstance(exchange, NotSent)
    assert (len(proxy.heads), server.visits) == (1, 0)
    assert PROXY_PASSWORD not in exchange.error


def test_a_proxy_that_does_not_listen_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    exchange = post("https://127.0.0.1:9/create", proxy=f"http://user:{PROXY_PASSWORD}@127.0.0.1:{port}")
    assert isinstance(exchange, NotSent)
    assert PROXY_PASSWORD not in exchange.error


def test_a_tunnel_that_opens_too_late_is_not_sent(serve: Serve, ours: Certified) -> None:
    def open_slowly(visit: Visit) -> None:
        visit.head()
        visit.dribble(b"HTTP/1.1 200 Connection established\r\n\r\n", pause=0.03)
        visit.start_tls(ours.context)
        visit.request()

    proxy = serve(open_slowly)
    exchange = post(
        "https://127.0.0.1:9/create", verify=ours.bundle, proxy=proxy_url(proxy), timeout=Timeout(0.5, 10)
    )
    assert isinstance(exchange, NotSent)
    assert proxy.bodies == []


@pytest.mark.parametrize("behaviour", [reset_after_the_body, half_an_answer])
def test_a_plain_request_that_a_proxy_loses_has_no_answer(serve: Serve, behaviour: Behaviour) -> None:
    proxy = serve(behaviour)
    exchange = post("http://127.0.0.1:9/create", proxy=proxy_url(proxy))
    assert isinstance(exchange, NoAnswer)
    assert PROXY_PASSWORD not in exchange.error
    assert SECRET not in exchange.error
