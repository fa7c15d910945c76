"""One request over a real socket: what is sent, what certainly was not, and what perhaps was received."""

from __future__ import annotations

import gzip
import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import requests

from api.posting import (
    BODY,
    HASTY,
    PATIENT,
    SECRET,
    SUCCESS,
    Serve,
    answer_and_close,
    echo,
    is_answer_to,
    post,
    sender,
    success_for,
)
from api.raw_server import Behaviour, Visit, answering, http
from phonon.api.answer import Answer
from phonon.api.causes import NO_ANSWER_IN_TIME
from phonon.api.endpoints import Endpoint
from phonon.api.transport import NoAnswer, NotSent, Transport

# What is sent


def test_the_body_arrives_byte_for_byte_in_one_post_with_its_length(serve: Serve) -> None:
    server = serve(answering(http("200 OK", SUCCESS)))
    assert isinstance(post(server.url), Answer)
    assert server.bodies == [BODY]
    request_line, *lines = server.heads[0].decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert request_line == "POST /outbound/create HTTP/1.1"
    assert headers["content-length"] == str(len(BODY))
    assert headers["content-type"] == "application/json"
    assert "transfer-encoding" not in headers
    assert "authorization" not in headers
    assert len(server.heads) == 1


def test_each_endpoint_is_sent_to_its_own_address(serve: Serve) -> None:
    bulk, realtime = serve(answering(http("200 OK", SUCCESS))), serve(answering(http("200 OK", SUCCESS)))
    transport = Transport(requests.Session(), {Endpoint.BULK: bulk.url, Endpoint.REALTIME: realtime.url}, PATIENT)
    transport.post(Endpoint.REALTIME, b"for real time", may_start=lambda: True)
    transport.post(Endpoint.BULK, b"for bulk", may_start=lambda: True)
    transport.close()
    assert (bulk.bodies, realtime.bodies) == ([b"for bulk"], [b"for real time"])


def test_a_sender_that_may_not_start_does_not_even_connect(serve: Serve) -> None:
    server = serve(echo)
    transport = sender(server.url)
    exchange = transport.post(Endpoint.BULK, BODY, may_start=lambda: False)
    transport.close()
    assert isinstance(exchange, NotSent)
    assert "suspended" in exchange.error
    assert server.visits == 0


def test_requests_in_real_time_share_a_connection(serve: Serve) -> None:
    server = serve(echo)
    transport = sender(server.url)
    for body in (b"one", b"two", b"three"):
        assert is_answer_to(body, transport.post(Endpoint.REALTIME, body, may_start=lambda: True))
    transport.close()
    assert server.visits == 1


def test_a_bulk_request_is_not_lost_with_a_connection_that_the_server_closes_just_then(serve: Serve) -> None:
    def answer_then_close_on_the_next(visit: Visit) -> None:
        visit.send(http("200 OK", success_for(visit.request() or b"")))
        if visit.head():
            visit.reset()

    server = serve(answer_then_close_on_the_next)
    transport = sender(server.url)
    for body in (b"one", b"two", b"three"):
        assert is_answer_to(body, transport.post(Endpoint.BULK, body, may_start=lambda: True))
    transport.close()
    assert server.visits == 3


def test_a_kept_connection_that_the_server_has_closed_is_not_used_again(serve: Serve) -> None:
    def answer_once(visit: Visit) -> None:
        body = visit.request()
        visit.send(http("200 OK", success_for(body or b"")))

    server = serve(answer_once)
    transport = sender(server.url)
    for body in (b"one", b"two"):
        assert is_answer_to(body, transport.post(Endpoint.REALTIME, body, may_start=lambda: True))
        server.await_visits()
    transport.close()
    assert server.bodies == [b"one", b"two"]


def test_many_threads_each_get_the_answer_to_their_own_request(serve: Serve) -> None:
    server = serve(echo)
    transport = sender(server.url)
    bodies = [f"{number:04}".encode() * 2_000 for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        exchanges = list(pool.map(lambda body: transport.post(Endpoint.BULK, body, may_start=lambda: True), bodies))
    transport.close()
    assert all(map(is_answer_to, bodies, exchanges))
    assert sorted(server.bodies) == bodies


# Certainly not sent


def test_a_refused_connection_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert isinstance(post(f"http://127.0.0.1:{port}/create"), NotSent)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_without_an_address_is_not_sent(scheme: str) -> None:
    assert isinstance(post(f"{scheme}://nosuch.invalid/create"), NotSent)


@pytest.mark.parametrize("url", ["http://", "nowhere", "gopher://127.0.0.1/create", "http://[::1/create"])
def test_what_is_no_address_is_not_sent(url: str) -> None:
    assert isinstance(post(url), NotSent)


# Perhaps received


def reset_before_the_body(visit: Visit) -> None:
    visit.head()
    visit.reset()


def reset_after_the_body(visit: Visit) -> None:
    visit.request()
    visit.reset()


def close_without_an_answer(visit: Visit) -> None:
    visit.request()


HALVES = {
    "half a status line": b"HTTP/1.1 20",
    "half a body": http("200 OK", SUCCESS)[:-10],
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + SUCCESS[:30],
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(SUCCESS), SUCCESS),
    "half a gzip": http("200 OK", gzip.compress(SUCCESS), "Content-Encoding: gzip")[:-10],
    "no HTTP": b"220 mail.example.com ESMTP\r\n",
    "no gzip": http("200 OK", SUCCESS, "Content-Encoding: gzip"),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}",
    "endless header": b"HTTP/1.1 200 OK\r\nX-Pad: " + b"x" * 70_000,
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize(
    "behaviour",
    [
        reset_before_the_body,
        reset_after_the_body,
        close_without_an_answer,
        *(pytest.param(answer_and_close(answer), id=name) for name, answer in HALVES.items()),
    ],
)
def test_a_connection_that_breaks_after_the_head_has_no_answer(serve: Serve, behaviour: Behaviour) -> None:
    server = serve(behaviour)
    exchange = post(server.url)
    assert isinstance(exchange, NoAnswer)
    assert len(server.heads) == 1
    assert SECRET not in exchange.error
    assert "99999" not in exchange.error


def test_half_a_head_is_no_more_than_a_status(serve: Serve) -> None:
    exchange = post(serve(answer_and_close(b"HTTP/1.1 200 OK\r\nContent-Ty")).url)
    assert isinstance(exchange, Answer)
    assert (exchange.http_status, exchange.code) == (200, None)


def never_answer(visit: Visit) -> None:
    visit.request()
    visit.stay_silent()


def never_read_the_body(visit: Visit) -> None:
    visit.head()
    visit.stay_silent()


def dribble_the_head(visit: Visit) -> None:
    visit.request()
    visit.dribble(http("200 OK", SUCCESS, "X-Pad: " + "x" * 200))


def dribble_the_body(visit: Visit) -> None:
    visit.request()
    head, _, body = http("200 OK", SUCCESS + b" " * 200).partition(b"\r\n\r\n")
    visit.send(head + b"\r\n\r\n")
    visit.dribble(body)


def dribble_chunks(visit: Visit) -> None:
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    visit.dribble(b"".join(b"1\r\n%c\r\n" % byte for byte in SUCCESS) + b"0\r\n\r\n")


def dribble_a_redirect(visit: Visit) -> None:
    visit.request()
    head, _, body = http("307 Temporary Redirect", SUCCESS + b" " * 200, "Location: /other").partition(b"\r\n\r\n")
    visit.send(head + b"\r\n\r\n")
    visit.dribble(body)


def dribble_until_the_end_of_the_connection(visit: Visit) -> None:
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    visit.dribble(SUCCESS + b" " * 200)


@pytest.mark.parametrize(
    "behaviour",
    [
        never_answer,
        never_read_the_body,
        dribble_the_head,
        dribble_the_body,
        dribble_chunks,
        dribble_a_redirect,
        dribble_until_the_end_of_the_connection,
    ],
)
def test_a_send_ends_at_its_deadline_without_an_answer(serve: Serve, behaviour: Behaviour) -> None:
    server = serve(behaviour)
    exchange = post(server.url, HASTY, BODY * 40)  # more than the buffers of two sockets hold
    assert exchange == NoAnswer(NO_ANSWER_IN_TIME)
    assert (len(server.heads), server.dribbled) == (1, 0)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_requests(serve: Serve) -> None:
    turns = count()

    def slow_at_first(visit: Visit) -> None:
        while (body := visit.request()) is not None:
            if next(turns) == 0:
                visit.pause(1.0)
            visit.send(http("200 OK", success_for(body)))

    transport = sender(serve(slow_at_first).url, HASTY)
    assert isinstance(transport.post(Endpoint.BULK, b"one", may_start=lambda: True), NoAnswer)
    assert is_answer_to(b"two", transport.post(Endpoint.BULK, b"two", may_start=lambda: True))
    transport.close()


@pytest.mark.parametrize("interim", [b"103 Early Hints", b"102 Processing", b"150 Something"])
def test_an_answer_before_the_answer_is_not_taken_for_the_next_requests(serve: Serve, interim: bytes) -> None:
    def hint_first(visit: Visit) -> None:
        while (body := visit.request()) is not None:
            visit.send(b"HTTP/1.1 %s\r\n\r\n" % interim)
            visit.pause(0.05)
            visit.send(http("200 OK", success_for(body)))

    transport = sender(serve(hint_first).url)
    for body in (b"one", b"two", b"three"):
        assert isinstance(transport.post(Endpoint.BULK, body, may_start=lambda: True), NoAnswer)
    transport.close()


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", SUCCESS + b" " * 4_000_000),
        http("307 Temporary Redirect", SUCCESS + b" " * 4_000_000, "Location: /other"),
        http("200 OK", gzip.compress(SUCCESS + b" " * 4_000_000), "Content-Encoding: gzip"),
    ],
    ids=["plain", "redirect", "compressed"],
)
def test_an_answer_that_is_larger_than_any_of_phonons_is_none(serve: Serve, answer: bytes) -> None:
    server = serve(answer_and_close(answer))
    assert isinstance(post(server.url), NoAnswer)
    assert len(server.heads) == 1
