"""Sends that are ended from outside: cut off in flight, or held back at the last moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.posting import BODY, PATIENT, Serve, echo, is_answer_to, sender
from api.raw_server import Visit
from phonon.api.causes import NO_ANSWER_IN_TIME
from phonon.api.endpoints import Endpoint
from phonon.api.transport import NoAnswer, NotSent


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def test_what_is_in_flight_when_it_is_cut_off_has_no_answer(serve: Serve, pool: ThreadPoolExecutor) -> None:
    arrived = threading.Semaphore(0)

    def silent(visit: Visit) -> None:
        visit.request()
        arrived.release()
        visit.stay_silent()

    server = serve(silent)
    transport = sender(server.url, PATIENT)
    posts = [pool.submit(transport.post, Endpoint.BULK, BODY, may_start=lambda: True) for _ in range(4)]
    assert all(arrived.acquire(timeout=5) for _ in posts)
    transport.cut_off()
    assert [post.result(5) for post in posts] == [NoAnswer(NO_ANSWER_IN_TIME)] * 4
    transport.close()


def test_a_transport_that_was_cut_off_can_be_used_again(serve: Serve) -> None:
    transport = sender(serve(echo).url)
    transport.cut_off()
    assert is_answer_to(BODY, transport.post(Endpoint.BULK, BODY, may_start=lambda: True))
    transport.close()


def test_a_sender_that_was_asleep_while_it_connected_sends_nothing_of_the_body(serve: Serve) -> None:
    server = serve(echo)
    looks = iter([True, False])
    transport = sender(server.url)
    exchange = transport.post(Endpoint.BULK, BODY, may_start=lambda: next(looks))
    transport.close()
    assert isinstance(exchange, NotSent)
    assert server.bodies == []


def test_what_is_cut_off_before_its_first_byte_was_not_sent(serve: Serve, pool: ThreadPoolExecutor) -> None:
    server = serve(echo)
    connected, cut = threading.Event(), threading.Event()
    looks = iter([False, True])

    def may_start() -> bool:
        if next(looks):  # at the first byte
            connected.set()
            cut.wait(5)
        return True

    transport = sender(server.url)
    post = pool.submit(transport.post, Endpoint.BULK, BODY, may_start=may_start)
    assert connected.wait(5)
    transport.cut_off()
    cut.set()
    assert isinstance(post.result(5), NotSent)
    assert server.bodies == []
    transport.close()
