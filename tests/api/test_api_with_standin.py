"""The whole wire against the stand-in Phonon: what is sent, what comes back, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from phonon.api.answer import Answer
from phonon.api.endpoints import Endpoint
from phonon.api.request import Envelope, encode_call, freeze
from phonon.api.transport import NoAnswer, Timeout, Transport
from phonon.api.verdict import Kind, Past, Verdict, classify
from simulator import Fault, Settings, When
from simulator import Kind as Wrong
from simulator.running import Handle, running
from simulator.sample import FLOW_ID, SECURITY_ID, START_TIME

Send = Callable[..., Verdict]

LOST = [
    pytest.param(Fault(Wrong.RESET, when=When.AFTER), id="reset"),
    pytest.param(Fault(Wrong.NO_ANSWER, when=When.AFTER), id="no answer"),
    pytest.param(Fault(Wrong.HALF_ANSWER, when=When.AFTER), id="cut answer"),
    pytest.param(Fault(Wrong.HALF_ANSWER, when=When.AFTER, announce_whole=False), id="half an answer"),
    pytest.param(Fault(Wrong.EMPTY, when=When.AFTER), id="empty answer"),
    pytest.param(Fault(Wrong.HTML, when=When.AFTER, status=502), id="page of a proxy"),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Handle]:
    with running(Settings(realtime_per_minute=0, bulk_per_minute=0)) as handle:
        yield handle


@pytest.fixture
def standin(shared: Handle) -> Handle:
    """Return the module's stand-in, fresh."""
    shared.reset()
    return shared


def body_of(*identifiers: str, security_id: str = SECURITY_ID) -> bytes:
    calls = [
        encode_call(each, START_TIME, [f"9199999{number:05}"], [("Name", "आशा")])
        for number, each in enumerate(identifiers)
    ]
    return Envelope("1.0", security_id, FLOW_ID).around(freeze(calls))


@pytest.fixture
def send(standin: Handle) -> Iterator[Send]:
    """Send a body to the stand-in and say what came of it."""
    session = requests.Session()
    session.trust_env = False
    urls = {Endpoint.BULK: standin.bulk_url, Endpoint.REALTIME: standin.realtime_url}
    transport = Transport(session, urls, Timeout(5, 0.5))

    def post(endpoint: Endpoint, past: Past, body: bytes) -> Verdict:
        exchange = transport.post(endpoint, body, may_start=lambda: True)
        assert isinstance(exchange, Answer | NoAnswer)
        return classify(endpoint, past, exchange if isinstance(exchange, Answer) else None)

    yield post
    transport.close()


def accepted(standin: Handle) -> list[str]:
    return [call.client_identifier for call in standin.accepted()]


@pytest.mark.parametrize("endpoint", Endpoint)
def test_a_good_request_is_accepted_call_by_call(standin: Handle, send: Send, endpoint: Endpoint) -> None:
    assert send(endpoint, Past.FIRST, body_of("a:1", "a:2")).kind is Kind.ACCEPTED
    assert accepted(standin) == ["a:1", "a:2"]


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_found_out_by_sending_the_same_bytes_again(
    standin: Handle, send: Send, fault: Fault
) -> None:
    standin.inject(fault)
    first = send(Endpoint.REALTIME, Past.FIRST, body_of("a:1"))
    second = send(Endpoint.REALTIME, first.past, body_of("a:1"))
    assert (first.kind, second.kind) == (Kind.UNKNOWN, Kind.ACCEPTED_EARLIER)
    assert accepted(standin) == ["a:1"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(Wrong.RESET, when=When.BEFORE_BODY), id="reset before the body"),
        pytest.param(Fault(Wrong.RESET, when=When.BEFORE), id="reset after the body"),
        pytest.param(Fault(Wrong.NO_ANSWER, when=When.BEFORE), id="no answer"),
    ],
)
def test_a_lost_request_is_accepted_when_the_same_bytes_are_sent_again(
    standin: Handle, send: Send, fault: Fault
) -> None:
    standin.inject(fault)
    first = send(Endpoint.REALTIME, Past.FIRST, body_of("a:1"))
    second = send(Endpoint.REALTIME, first.past, body_of("a:1"))
    assert (first.kind, second.kind) == (Kind.UNKNOWN, Kind.ACCEPTED)
    assert accepted(standin) == ["a:1"]


def test_bytes_that_someone_else_has_sent_are_held(standin: Handle, send: Send) -> None:
    send(Endpoint.REALTIME, Past.FIRST, body_of("a:1"))
    assert send(Endpoint.REALTIME, Past.FIRST, body_of("a:1")).kind is Kind.HELD
    assert accepted(standin) == ["a:1"]


@pytest.mark.parametrize("endpoint", Endpoint)
def test_a_security_id_that_phonon_does_not_take_stops(send: Send, endpoint: Endpoint) -> None:
    assert send(endpoint, Past.FIRST, body_of("a:1", security_id="short")).kind is Kind.FIX_CONFIGURATION


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize(
    ("identifiers", "kind"),
    [
        ([f"a:{n}" for n in range(500)], Kind.ACCEPTED),
        ([f"a:{n}" for n in range(501)], Kind.SPLIT),
        ([], Kind.FIX_CONFIGURATION),
    ],
    ids=["500", "501", "none"],
)
def test_a_request_takes_1_to_500_calls(send: Send, endpoint: Endpoint, identifiers: list[str], kind: Kind) -> None:
    assert send(endpoint, Past.FIRST, body_of(*identifiers)).kind is kind


@pytest.mark.parametrize("endpoint", Endpoint)
def test_a_bad_call_in_a_batch_leads_to_halves(standin: Handle, send: Send, endpoint: Endpoint) -> None:
    assert send(endpoint, Past.FIRST, body_of("a:1", "not an identifier")).kind is Kind.SPLIT
    assert accepted(standin) == []


def test_a_partial_success_lists_what_was_accepted(standin: Handle, send: Send) -> None:
    standin.inject(Fault(Wrong.PARTIAL, indexes=(1,)))
    assert send(Endpoint.REALTIME, Past.FIRST, body_of("a:1", "a:2")).kind is Kind.PARTIAL
    assert accepted(standin) == ["a:2"]
