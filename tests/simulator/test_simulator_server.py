"""The stand-in on a real socket: the vendor's paths, what it shows, and how it is steered."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from simulator import IST, Fault, Kind, Settings
from simulator.running import Handle, running
from simulator.sample import SECURITY_ID, sample_body, sample_call, sample_request

Post = Callable[..., requests.Response]
Start = Callable[[Settings], Handle]


def test_both_endpoints_are_at_the_vendors_path(standin: Handle, post: Post) -> None:
    assert standin.bulk_url == f"{standin.url}/bulk/kairos-apis/outbound/create"
    assert standin.realtime_url == f"{standin.url}/realtime/kairos-apis/outbound/create"
    assert post(standin.bulk_url, sample_body()).status_code == 202
    assert post(standin.realtime_url, sample_body()).status_code == 200


def test_it_listens_on_the_loopback_only(standin: Handle) -> None:
    assert urlsplit(standin.url).hostname == "127.0.0.1"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_creates_calls(standin: Handle, method: str) -> None:
    response = requests.request(method, standin.bulk_url, data=sample_body(), timeout=10)
    assert response.status_code == 405


def test_a_content_type_with_a_charset_is_json(standin: Handle) -> None:
    response = requests.post(
        standin.bulk_url,
        data=sample_body(),
        headers={"Content-Type": "application/json; charset=utf-8"},
        timeout=10,
    )
    assert response.status_code == 202


def test_a_body_that_is_not_declared_as_json_is_not_processed(standin: Handle) -> None:
    response = requests.post(
        standin.bulk_url, data=sample_body(), headers={"Content-Type": "text/plain"}, timeout=10
    )
    assert response.status_code == 415


def test_a_body_far_too_large_is_answered_and_not_processed(standin: Handle, post: Post) -> None:
    assert post(standin.bulk_url, b" " * 5_000_000 + sample_body()).status_code == 413
    assert standin.summary()["accepted_calls"] == 0


def test_a_body_of_just_the_largest_size_is_accepted_whole(standin: Handle, post: Post) -> None:
    calls = sample_body(500)
    padding = b" " * (256_000 - len(calls))
    assert post(standin.bulk_url, padding + calls).status_code == 202
    summary = standin.summary()
    assert (summary["accepted_calls"], summary["bytes"]) == (500, 256_000)


def test_a_full_batch_of_500_calls_is_accepted_whole(standin: Handle, post: Post) -> None:
    assert post(standin.bulk_url, sample_body(500)).status_code == 202
    assert len(standin.accepted()) == 500


def test_the_source_ip_is_the_connections(start: Start, post: Post) -> None:
    elsewhere = start(Settings(allowed_ips=frozenset({"10.0.0.1"})))
    response = post(elsewhere.bulk_url, sample_body())
    assert (response.status_code, response.content) == (403, b"")
    assert post(elsewhere.realtime_url, sample_body()).json()["api-response-code"] == 401
    here = start(Settings(allowed_ips=frozenset({"127.0.0.1"})))
    assert post(here.bulk_url, sample_body()).status_code == 202


def test_above_the_limit_the_answer_is_429_with_retry_after(start: Start, post: Post) -> None:
    standin = start(Settings(realtime_per_minute=5))
    assert post(standin.realtime_url, sample_body(5)).status_code == 200
    response = post(standin.realtime_url, sample_body(1, first=5))
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 60


def test_the_clock_is_the_one_that_was_given(post: Post) -> None:
    noon = datetime(2026, 11, 24, 12, 0, tzinfo=IST)
    body = orjson.dumps(sample_request() | {"calls": [sample_call() | {"start-time": "2026-11-24T09:00:00+05:30"}]})
    with running(clock=lambda: noon) as standin:
        assert post(standin.bulk_url, body).status_code == 202
        assert standin.accepted()[0].dials_at == noon


def test_calls_that_come_at_once_are_all_counted(standin: Handle, post: Post) -> None:
    bodies = [sample_body(20, first=20 * number) for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda body: post(standin.bulk_url, body).status_code, bodies))
    assert set(statuses) == {202}
    summary = standin.summary()
    assert (summary["accepted_calls"], summary["unique_client_identifiers"]) == (1000, 1000)


def test_the_summary_tells_what_was_asked_and_answered(standin: Handle, post: Post) -> None:
    bodies = [sample_body(2), sample_body(0), sample_body(1, first=9)]
    for url, body in zip([standin.bulk_url, standin.bulk_url, standin.realtime_url], bodies, strict=True):
        post(url, body)
    summary = requests.get(f"{standin.url}/simulator/summary", timeout=10).json()
    assert summary == {
        "accepted_calls": 3,
        "unique_client_identifiers": 3,
        "accepted_more_than_once": 0,
        "repeated_client_identifiers": {},
        "dropped_repeats": 0,
        "requests": 3,
        "requests_by_endpoint": {"bulk": 2, "realtime": 1},
        "requests_by_code": {"200 Success": 1, "202 Accepted": 1, "302 Empty Call List": 1},
        "requests_by_status": {"200": 2, "202": 1},
        "bytes": sum(map(len, bodies)),
        "highest_in_any_minute": {"bulk": {"...le77": 2}, "realtime": {"...le77": 1}},
        "highest_requests_in_any_minute": {"bulk": {"...le77": 1}, "realtime": {"...le77": 1}},
        "latest_refusals": ["bulk 302 calls: empty"],
    }
    assert summary == standin.summary()


def test_accepted_calls_are_shown_as_lines_of_json(standin: Handle, post: Post) -> None:
    details = post(standin.realtime_url, sample_body(3)).json()["call-details"]
    lines = requests.get(f"{standin.url}/simulator/accepted", timeout=10).text.splitlines()
    calls = [orjson.loads(line) for line in lines]
    assert [{name: call[name] for name in ("client-identifier", "phonon-uuid")} for call in calls] == details
    assert set(calls[0]) >= {
        *("client-identifier", "endpoint", "phonon-uuid", "request-id", "received_at"),
        *("start_time", "dials_at", "number_last4", "keys"),
    }
    assert (calls[0]["endpoint"], calls[0]["start_time"]) == ("realtime", "2099-01-01T10:00:00+05:30")


def test_more_calls_than_one_write_holds_are_all_shown(standin: Handle, post: Post) -> None:
    for first in range(0, 1200, 400):
        post(standin.bulk_url, sample_body(400, first=first))
    lines = requests.get(f"{standin.url}/simulator/accepted", timeout=10).text.splitlines()
    names = [orjson.loads(line)["client-identifier"] for line in lines]
    assert names == [f"sample:{position}" for position in range(1200)]


def test_the_page_says_that_it_is_not_the_real_service(standin: Handle) -> None:
    response = requests.get(standin.url, timeout=10)
    assert response.headers["Content-Type"].startswith("text/html")
    assert "not the real service" in response.text


def test_the_page_shows_calls_with_masked_numbers(standin: Handle, post: Post) -> None:
    post(standin.bulk_url, sample_body(first=12_345))
    text = requests.get(standin.url, timeout=10).text
    assert "sample:12345" in text
    assert "******2345" in text


def test_the_page_shows_who_was_called_twice_and_what_was_refused(standin: Handle, post: Post) -> None:
    for body in (sample_body(), sample_body() + b" ", sample_body(0)):
        post(standin.bulk_url, body)
    standin.inject(Fault(Kind.EMPTY))
    text = requests.get(standin.url, timeout=10).text
    assert "accepted more than once: 1" in text
    assert "302 Empty Call List" in text
    assert "empty</td><td>any" in text


@pytest.mark.parametrize("path", ["/", "/simulator/summary", "/simulator/accepted"])
def test_no_view_shows_a_whole_number_or_security_id(standin: Handle, post: Post, path: str) -> None:
    post(standin.bulk_url, sample_body(first=12_345))
    text = requests.get(standin.url + path, timeout=10).text
    assert "9199999" not in text
    assert SECURITY_ID not in text


def test_a_reset_begins_anew(standin: Handle, post: Post) -> None:
    post(standin.bulk_url, sample_body())
    standin.inject(Fault(Kind.EMPTY))
    assert requests.post(f"{standin.url}/simulator/reset", timeout=10).status_code == 204
    summary = standin.summary()
    assert (summary["accepted_calls"], summary["requests"], summary["bytes"]) == (0, 0, 0)
    assert post(standin.bulk_url, sample_body()).content != b""


def test_faults_are_injected_over_http(standin: Handle, post: Post) -> None:
    response = requests.post(
        f"{standin.url}/simulator/faults",
        json=[
            {"kind": "code", "code": 212, "endpoint": "bulk"},
            {"kind": "partial", "indexes": [1]},
        ],
        timeout=10,
    )
    assert response.status_code == 201
    assert [fault["kind"] for fault in response.json()] == ["code", "partial"]
    codes = [post(standin.bulk_url, sample_body(2, first=n)).json()["api-response-code"] for n in (0, 2, 4)]
    assert codes == [212, 209, 202]


def test_faults_are_shown_and_cleared_over_http(standin: Handle, post: Post) -> None:
    url = f"{standin.url}/simulator/faults"
    requests.post(url, json={"kind": "empty", "times": None}, timeout=10)
    assert [fault["kind"] for fault in requests.get(url, timeout=10).json()] == ["empty"]
    assert requests.delete(url, timeout=10).status_code == 204
    assert requests.get(url, timeout=10).json() == []
    assert post(standin.bulk_url, sample_body()).status_code == 202


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (b"{", "Invalid JSON"),
        (b'{"kind": "explode"}', "half_answer"),
        (b'{"kind": "empty", "tmies": 3}', "tmies"),
        (b'{"kind": "code"}', "needs code"),
        (b'[{"kind": "empty"}, {"kind": "slow"}]', "1: Value error, A fault of kind slow needs seconds"),
    ],
    ids=["not JSON", "unknown kind", "misspelt field", "missing field", "the second of two"],
)
def test_a_fault_that_cannot_be_understood_is_refused_with_the_reason(
    standin: Handle, fault: bytes, said: str
) -> None:
    response = requests.post(f"{standin.url}/simulator/faults", data=fault, timeout=10)
    assert response.status_code == 400
    assert said in response.json()["error"]
    assert requests.get(f"{standin.url}/simulator/faults", timeout=10).json() == []


def test_a_stopped_stand_in_frees_its_port_and_can_still_be_asked(post: Post) -> None:
    with running() as standin:
        post(standin.bulk_url, sample_body(4))
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", urlsplit(standin.url).port or 0))
    assert len(standin.accepted()) == 4
    assert standin.summary()["requests"] == 1


def test_a_stand_in_with_a_client_that_waits_for_nothing_stops(post: Post) -> None:
    with running() as standin:
        standin.inject(Fault(Kind.NO_ANSWER, times=None))
        refused = threading.Event()

        def wait() -> None:
            with pytest.raises(requests.ConnectionError):
                post(standin.bulk_url, sample_body(), timeout=30)
            refused.set()

        client = threading.Thread(target=wait)
        client.start()
        while standin.summary()["requests"] == 0:
            threading.Event().wait(0.01)
    client.join(30)
    assert refused.is_set()


def test_two_stand_ins_run_side_by_side(start: Start, post: Post) -> None:
    first, second = start(Settings()), start(Settings())
    post(first.bulk_url, sample_body())
    assert (first.summary()["requests"], second.summary()["requests"]) == (1, 0)
