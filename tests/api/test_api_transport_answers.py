"""One request over a real socket that was answered, in every way that an answer can come."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.posting import SUCCESS, Serve, answer_and_close, echo, post
from api.raw_server import Visit, answering, http, serving
from phonon.api.answer import Answer
from phonon.api.codes import Code
from phonon.api.transport import NoAnswer


def test_an_answer_of_the_largest_size_is_read(serve: Serve) -> None:
    padded = SUCCESS + b" " * (4_000_000 - len(SUCCESS))
    exchange = post(serve(answering(http("200 OK", padded))).url)
    assert isinstance(exchange, Answer)
    assert exchange.code is Code.SUCCESS


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", SUCCESS),
        http("200 OK", gzip.compress(SUCCESS), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(SUCCESS), SUCCESS),
        b"HTTP/1.0 200 OK\r\n\r\n" + SUCCESS,
        b"HTTP/1.1 100 Continue\r\n\r\n" + http("200 OK", SUCCESS),
    ],
    ids=["with length", "gzip", "chunked", "until the end", "after 100 Continue"],
)
def test_an_answer_is_read_in_every_framing(serve: Serve, answer: bytes) -> None:
    exchange = post(serve(answer_and_close(answer)).url)
    assert isinstance(exchange, Answer)
    assert (exchange.http_status, exchange.code) == (200, Code.SUCCESS)


def test_an_answer_given_before_the_body_was_read_is_an_answer(serve: Serve) -> None:
    def refuse_at_the_head(visit: Visit) -> None:
        visit.head()
        visit.send(http("413 Payload Too Large", b""))
        visit.drain()

    exchange = post(serve(refuse_at_the_head).url)
    assert isinstance(exchange, Answer)
    assert exchange.http_status == 413


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/outbound/other", "{elsewhere}", "//", "http://[bad", "é\x00"])
def test_a_redirect_is_an_answer_and_not_followed(serve: Serve, status: int, location: str) -> None:
    elsewhere = serve(echo)
    target = location.format(elsewhere=elsewhere.url)
    server = serve(answering(http(f"{status} Moved", b"moved", f"Location: {target}")))
    exchange = post(server.url)
    assert isinstance(exchange, Answer)
    assert (exchange.http_status, exchange.code) == (status, None)
    assert (len(server.heads), elsewhere.visits) == (1, 0)


@pytest.mark.parametrize("status", [401, 403, 407, 408, 425, 429, 500, 502, 503, 504])
def test_a_failing_status_is_an_answer_and_not_repeated(serve: Serve, status: int) -> None:
    server = serve(
        answering(http(f"{status} No", b"", "Retry-After: 0", "WWW-Authenticate: Basic", "Set-Cookie: a=b"))
    )
    exchange = post(server.url)
    assert isinstance(exchange, Answer)
    assert (exchange.http_status, exchange.retry_after) == (status, 0.0)
    assert len(server.heads) == 1


http_like = st.builds(
    lambda status, headers, body: b"HTTP/1.1 " + status + b"\r\n" + b"".join(headers) + b"\r\n" + body,
    st.sampled_from([b"200 OK", b"204 No", b"302 X", b"403 X", b"429 X", b"500 X", b"0 X", b"1000 X", b"-1 X", b""])
    | st.binary(max_size=6),
    st.lists(
        st.sampled_from(
            [
                b"Content-Length: 5\r\n",
                b"Content-Length: -5\r\n",
                b"Content-Length: x\r\n",
                b"Content-Length: 4, 5\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Encoding: gzip\r\n",
                b"Content-Encoding: deflate, gzip\r\n",
                b"Connection: close\r\n",
                b"Location: http://[\r\n",
                b"Retry-After: \xff\r\n",
                b"Set-Cookie: \xff\x00\r\n",
                b": \r\n",
            ]
        )
        | st.binary(max_size=10),
        max_size=3,
    ),
    st.binary(max_size=30) | st.just(SUCCESS),
)


def test_no_answer_whatsoever_raises() -> None:
    waiting: list[bytes] = []

    def send_the_next(visit: Visit) -> None:
        visit.request()
        visit.send(waiting.pop())

    with serving(send_the_next) as server:

        @settings(max_examples=150, deadline=None)
        @given(http_like | st.binary(max_size=40))
        def answer_with(raw: bytes) -> None:
            waiting.append(raw)
            assert isinstance(post(server.url, body=b"{}"), Answer | NoAnswer)

        answer_with()
