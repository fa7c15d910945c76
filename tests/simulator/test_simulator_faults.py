"""Every fault, over a real socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from simulator import Endpoint, Fault, Kind, Settings, When
from simulator.running import Handle
from simulator.sample import sample_body

Post = Callable[..., requests.Response]
BODY = sample_body(10)
BEFORE_OR_AFTER = [(When.BEFORE, 0), (When.AFTER, 10)]


def accepted(standin: Handle) -> int:
    return standin.summary()["accepted_calls"]


@pytest.mark.parametrize("code", [201, 202, 206, 208, 211, 212, 213, 304, 500, 999])
def test_any_code_refuses_the_whole_request(standin: Handle, post: Post, code: int) -> None:
    standin.inject(Fault(Kind.CODE, code=code))
    response = post(standin.bulk_url, BODY)
    assert (response.status_code, response.json()["api-response-code"]) == (200, code)
    assert accepted(standin) == 0


def test_a_code_can_have_its_own_http_status_and_message(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.CODE, code=212, status=402, message="Top up"))
    response = post(standin.bulk_url, BODY)
    assert (response.status_code, response.json()["api-response-message"]) == (402, "Top up")


def test_a_code_can_be_answered_although_the_calls_are_accepted(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.CODE, code=500, accept=True))
    assert post(standin.bulk_url, BODY).json()["api-response-code"] == 500
    assert accepted(standin) == 10


@pytest.mark.parametrize(("when", "calls"), BEFORE_OR_AFTER)
def test_any_http_status_body_and_headers_can_be_answered(
    standin: Handle, post: Post, when: When, calls: int
) -> None:
    standin.inject(
        Fault(
            Kind.STATUS,
            status=503,
            body="<busy/>",
            content_type="application/xml",
            headers={"Retry-After": "7"},
            when=when,
        )
    )
    response = post(standin.bulk_url, BODY)
    assert (response.status_code, response.text) == (503, "<busy/>")
    assert (response.headers["Content-Type"], response.headers["Retry-After"]) == ("application/xml", "7")
    assert accepted(standin) == calls


@pytest.mark.parametrize(("when", "calls"), BEFORE_OR_AFTER)
def test_an_answer_can_fail_to_come(standin: Handle, post: Post, when: When, calls: int) -> None:
    standin.inject(Fault(Kind.NO_ANSWER, when=when))
    with pytest.raises(requests.ReadTimeout):
        post(standin.bulk_url, BODY, timeout=0.5)
    assert accepted(standin) == calls


@pytest.mark.parametrize(("when", "calls"), [(When.BEFORE_BODY, 0), *BEFORE_OR_AFTER])
def test_a_connection_can_be_reset(standin: Handle, post: Post, when: When, calls: int) -> None:
    standin.inject(Fault(Kind.RESET, when=when))
    with pytest.raises(requests.ConnectionError):
        post(standin.bulk_url, BODY)
    assert accepted(standin) == calls
    assert standin.summary()["requests_by_status"] == {"reset": 1}


def test_a_reset_before_the_body_comes_while_the_body_is_still_awaited(standin: Handle) -> None:
    standin.inject(Fault(Kind.RESET, when=When.BEFORE_BODY))
    with connected(standin) as connection:
        connection.sendall(head(standin.bulk_url, length=1_000))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_half_an_answer_can_end_with_the_connection(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.HALF_ANSWER))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        post(standin.realtime_url, BODY)
    assert accepted(standin) == 10


def test_half_an_answer_can_look_whole(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.HALF_ANSWER, announce_whole=False))
    response = post(standin.realtime_url, BODY)
    assert response.text.startswith('{"api-response-code":200')
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert accepted(standin) == 10


@pytest.mark.parametrize(("when", "calls"), BEFORE_OR_AFTER)
def test_an_answer_can_be_empty(standin: Handle, post: Post, when: When, calls: int) -> None:
    standin.inject(Fault(Kind.EMPTY, when=when))
    response = post(standin.bulk_url, BODY)
    assert (response.status_code, response.content) == (200, b"")
    assert accepted(standin) == calls


@pytest.mark.parametrize(("when", "calls"), BEFORE_OR_AFTER)
def test_an_answer_can_be_a_page(standin: Handle, post: Post, when: When, calls: int) -> None:
    standin.inject(Fault(Kind.HTML, status=502, when=when))
    response = post(standin.bulk_url, BODY)
    assert response.status_code == 502
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.text.startswith("<!DOCTYPE html>")
    assert accepted(standin) == calls


def test_a_slow_answer_comes_too_late_for_who_does_not_wait(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.SLOW, seconds=30))
    with pytest.raises(requests.ReadTimeout):
        post(standin.bulk_url, BODY, timeout=0.5)
    assert accepted(standin) == 10


def test_a_slow_answer_is_the_usual_one(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.SLOW, seconds=0.05))
    assert post(standin.bulk_url, BODY).json()["api-response-message"] == "Accepted"


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        ({"fraction": 0.3}, [0, 1, 2]),
        ({}, [0, 1, 2, 3, 4]),
        ({"indexes": (9, 2, 2, 40)}, [2, 9]),
        ({"fraction": 0.0}, []),
    ],
    ids=["a fraction", "a half by default", "given ones", "none"],
)
def test_a_partial_success_accepts_and_lists_some_calls(
    standin: Handle, post: Post, options: dict[str, Any], positions: list[int]
) -> None:
    standin.inject(Fault(Kind.PARTIAL, **options))
    answer = post(standin.bulk_url, BODY).json()
    expected = [f"sample:{position}" for position in positions]
    assert (answer["api-response-code"], answer["api-response-message"]) == (209, "Partial Success")
    assert [detail["client-identifier"] for detail in answer["call-details"]] == expected
    assert [(call.client_identifier, call.phonon_uuid) for call in standin.accepted()] == [
        (detail["client-identifier"], detail["phonon-uuid"]) for detail in answer["call-details"]
    ]


def test_a_partial_success_does_not_save_a_request_that_breaks_a_rule(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.PARTIAL))
    assert post(standin.bulk_url, sample_body(0)).json()["api-response-code"] == 302


def test_a_fault_before_acceptance_leaves_the_same_bytes_acceptable(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.STATUS, status=500))
    assert post(standin.realtime_url, BODY).status_code == 500
    assert post(standin.realtime_url, BODY).json()["api-response-code"] == 200


def test_a_fault_after_acceptance_makes_the_same_bytes_a_repeat(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.RESET, when=When.AFTER))
    with pytest.raises(requests.ConnectionError):
        post(standin.realtime_url, BODY)
    assert post(standin.realtime_url, BODY).json()["api-response-code"] == 201
    assert accepted(standin) == 10


def test_a_fault_for_one_endpoint_spares_the_other(standin: Handle, post: Post) -> None:
    standin.inject(Fault(Kind.CODE, code=500, endpoint=Endpoint.REALTIME))
    assert post(standin.bulk_url, BODY).json()["api-response-code"] == 202
    assert post(standin.realtime_url, BODY).json()["api-response-code"] == 500


def test_a_body_that_never_came_whole_is_not_received(standin: Handle, post: Post) -> None:
    with connected(standin) as connection:
        connection.sendall(head(standin.bulk_url, length=len(BODY)) + BODY[:-1])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert post(standin.bulk_url, BODY).json()["api-response-message"] == "Accepted"
    assert accepted(standin) == 10


def test_lost_connections_leave_no_error_in_the_log(
    start: Callable[[Settings], Handle], post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    standin = start(Settings())
    standin.inject(Fault(Kind.RESET, when=When.AFTER), Fault(Kind.HALF_ANSWER), Fault(Kind.NO_ANSWER))
    for _ in range(3):
        with pytest.raises(requests.RequestException):
            post(standin.bulk_url, BODY, timeout=0.5)
    assert post(standin.bulk_url, BODY).status_code == 202
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def connected(standin: Handle) -> socket.socket:
    address = urlsplit(standin.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=10)


def head(url: str, *, length: int) -> bytes:
    parts = urlsplit(url)
    return (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()
