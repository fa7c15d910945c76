"""What must hold of every answer, whatever it is, and of every sequence of answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.api.answer import Answer, read_answer
from phonon.api.codes import Code
from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Kind, Past, classify

ACCEPTING = {Kind.ACCEPTED, Kind.PARTIAL}

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
answer_objects = st.fixed_dictionaries(
    {},
    optional={
        "api-response-code": st.sampled_from(sorted(Code)).map(int) | json_values,
        "api-response-message": st.sampled_from(["Accepted", "Invalid Security ID", "Success"]) | json_values,
        "request-id": st.uuids().map(str) | json_values,
        "call-details": st.lists(
            st.fixed_dictionaries({}, optional={"client-identifier": json_values, "phonon-uuid": json_values})
            | json_values,
            max_size=3,
        )
        | json_values,
    },
)
bodies = st.binary(max_size=60) | json_values.map(orjson.dumps) | answer_objects.map(orjson.dumps)
statuses = st.sampled_from([200, 201, 202, 204, 301, 307, 400, 401, 403, 413, 429, 500, 502, 503]) | st.integers(
    100, 999
)
answers = st.builds(read_answer, statuses, bodies)
endpoints = st.sampled_from(Endpoint)
pasts = st.sampled_from(Past)
known_answers = st.builds(
    lambda status, code, message, request_id: Answer(status, code, message, request_id, None),
    statuses,
    st.sampled_from(Code),
    st.sampled_from(["", "Accepted", "Invalid Security ID"]),
    st.none() | st.just("a-request-id"),
)
exchanges = st.none() | known_answers | answers


@given(statuses, bodies, st.none() | st.text(), endpoints, pasts)
def test_every_answer_can_be_read_and_classified(
    status: int, body: bytes, retry_after: str | None, endpoint: Endpoint, past: Past
) -> None:
    answer = read_answer(status, body, retry_after=retry_after)
    assert classify(endpoint, past, answer).kind in Kind


@given(endpoints, pasts, exchanges)
def test_a_batch_that_may_be_accepted_is_never_split(endpoint: Endpoint, past: Past, answer: Answer | None) -> None:
    kind = classify(endpoint, past, answer).kind
    assert not (past.may_be_accepted and kind is Kind.SPLIT)


@given(endpoints, pasts, exchanges)
def test_only_a_success_code_under_a_2xx_is_accepted(endpoint: Endpoint, past: Past, answer: Answer | None) -> None:
    if classify(endpoint, past, answer).kind in ACCEPTING:
        assert answer is not None
        assert 200 <= answer.http_status < 300
        assert answer.code in {Code.SUCCESS, Code.PARTIAL_SUCCESS, Code.ACCEPTED_OR_INVALID_SECURITY_ID}
        if answer.code is Code.ACCEPTED_OR_INVALID_SECURITY_ID:
            assert endpoint is Endpoint.BULK
            assert answer.message == "Accepted"
            assert answer.request_id


@given(endpoints, pasts, exchanges)
def test_only_a_201_after_nothing_but_silence_is_accepted_earlier(
    endpoint: Endpoint, past: Past, answer: Answer | None
) -> None:
    if classify(endpoint, past, answer).kind is Kind.ACCEPTED_EARLIER:
        assert past is Past.UNANSWERED
        assert answer is not None
        assert answer.code is Code.CHECKSUM_REPEATED


@given(endpoints, pasts, exchanges)
def test_an_unknown_outcome_leaves_a_batch_that_may_be_accepted(
    endpoint: Endpoint, past: Past, answer: Answer | None
) -> None:
    verdict = classify(endpoint, past, answer)
    assert verdict.kind is not Kind.UNKNOWN or verdict.past.may_be_accepted


@given(endpoints, pasts, st.lists(exchanges, max_size=6))
def test_doubt_and_silence_are_never_forgotten(
    endpoint: Endpoint, past: Past, sequence: list[Answer | None]
) -> None:
    for answer in sequence:
        then = classify(endpoint, past, answer).past
        assert then is not Past.FIRST
        assert then.may_be_accepted or not past.may_be_accepted
        assert then.has_silence or not past.has_silence
        past = then


@given(endpoints, st.lists(exchanges, min_size=1, max_size=6))
def test_a_batch_that_was_ever_answered_is_never_proved_by_a_201(
    endpoint: Endpoint, sequence: list[Answer | None]
) -> None:
    past = Past.FIRST
    answered = False
    repeated = Answer(200, Code.CHECKSUM_REPEATED, "Checksum Repeated", None, None)
    for answer in sequence:
        verdict = classify(endpoint, past, answer)
        if verdict.kind in {Kind.AGAIN, Kind.THROTTLED, Kind.TOP_UP, Kind.FIX_CONFIGURATION}:
            answered = True
        past = verdict.past
    if answered:
        assert classify(endpoint, past, repeated).kind is Kind.HELD


@pytest.mark.parametrize(
    ("past", "refused_whole", "refused_in_part", "unanswered"),
    [
        (Past.FIRST, Past.REFUSED, Past.DOUBTFUL, Past.UNANSWERED),
        (Past.REFUSED, Past.REFUSED, Past.DOUBTFUL, Past.MIXED),
        (Past.DOUBTFUL, Past.DOUBTFUL, Past.DOUBTFUL, Past.MIXED),
        (Past.UNANSWERED, Past.MIXED, Past.MIXED, Past.UNANSWERED),
        (Past.MIXED, Past.MIXED, Past.MIXED, Past.MIXED),
    ],
)
def test_a_past_grows_with_what_the_next_send_brings(
    past: Past, refused_whole: Past, refused_in_part: Past, unanswered: Past
) -> None:
    assert past.after_refusal(whole=True) is refused_whole
    assert past.after_refusal(whole=False) is refused_in_part
    assert past.after_silence() is unanswered


@pytest.mark.parametrize(
    ("past", "may_be_accepted", "has_silence"),
    [
        (Past.FIRST, False, False),
        (Past.REFUSED, False, False),
        (Past.DOUBTFUL, True, False),
        (Past.UNANSWERED, True, True),
        (Past.MIXED, True, True),
    ],
)
def test_a_past_knows_whether_calls_may_be_accepted(past: Past, may_be_accepted: bool, has_silence: bool) -> None:
    assert (past.may_be_accepted, past.has_silence) == (may_be_accepted, has_silence)
