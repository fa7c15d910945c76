from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.sending import batch, rules
from ledger.promises import NOON, new_batch
from phonon.api.answer import Answer
from phonon.api.codes import Code
from phonon.api.endpoints import Endpoint
from phonon.api.request import freeze_objects, thaw
from phonon.api.transport import Exchange, NoAnswer, NotSent
from phonon.api.verdict import Kind, Past
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.rules import backoff
from phonon.dispatch.settlement import settle, split
from phonon.ledger.states import BatchState, CallStatus, call_status

DAY = 86_400.0
_NAMES = ["ci-a", "ci-b", "ci-c", "ci-d"]
_REALTIME, _BULK = Endpoint.REALTIME, Endpoint.BULK
_SILENT = NoAnswer("reset")


def _answer(code: Code | None, *, listed: list[str] | None = None, status: int = 200) -> Answer:
    uuids = None if listed is None else dict.fromkeys(listed, "uuid")
    message = (
        {Code.ACCEPTED_OR_INVALID_SECURITY_ID: "Accepted"}.get(code, "said") if code else "HTML instead of JSON"
    )
    return Answer(status, code, message, "request", uuids)


_TABLE: list[tuple[Endpoint, Exchange, Past, int, str]] = [
    (_REALTIME, _answer(Code.SUCCESS, listed=_NAMES), Past.FIRST, 0, "accepted"),
    (_REALTIME, _answer(Code.SUCCESS), Past.FIRST, 0, "accepted"),
    (_BULK, _answer(Code.ACCEPTED_OR_INVALID_SECURITY_ID), Past.FIRST, 0, "accepted"),
    (_REALTIME, _answer(Code.CHECKSUM_REPEATED), Past.UNANSWERED, 1, "accepted_earlier"),
    (_REALTIME, _answer(Code.CHECKSUM_REPEATED), Past.FIRST, 0, "held"),
    (_REALTIME, _answer(Code.CHECKSUM_REPEATED), Past.DOUBTFUL, 1, "held"),
    (_REALTIME, _answer(Code.CHECKSUM_REPEATED), Past.MIXED, 2, "held"),
    (_REALTIME, _answer(Code.INVALID_CONTACT_NUMBER), Past.FIRST, 0, "split"),
    (_REALTIME, _answer(Code.INVALID_CONTACT_NUMBER), Past.UNANSWERED, 1, "held"),
    (_REALTIME, _answer(Code.INVALID_CONTACT_NUMBER), Past.DOUBTFUL, 1, "held"),
    (_REALTIME, _answer(Code.NO_MASK_AVAILABLE), Past.FIRST, 0, "pending"),
    (_REALTIME, _answer(Code.NO_MASK_AVAILABLE), Past.FIRST, 4, "refused"),
    (_REALTIME, _answer(Code.NO_MASK_AVAILABLE), Past.UNANSWERED, 4, "held"),
    (_REALTIME, _answer(Code.FAILURE), Past.FIRST, 0, "pending"),
    (_REALTIME, _answer(Code.FAILURE), Past.DOUBTFUL, 4, "refused"),
    (_REALTIME, _answer(Code.FAILURE), Past.MIXED, 4, "held"),
    (_BULK, _answer(Code.FAILURE), Past.FIRST, 0, "held"),
    (_REALTIME, _answer(None, status=429), Past.FIRST, 0, "pending"),
    (_REALTIME, _answer(None, status=429), Past.FIRST, 4, "pending"),
    (_REALTIME, _answer(None, status=429), Past.UNANSWERED, 1, "unknown"),
    (_BULK, _answer(None, status=429), Past.DOUBTFUL, 1, "unknown"),
    (_REALTIME, _answer(None, status=429), Past.DOUBTFUL, 1, "pending"),
    (_REALTIME, _SILENT, Past.FIRST, 0, "unknown"),
    (_REALTIME, _SILENT, Past.FIRST, 4, "held"),
    (_BULK, _SILENT, Past.FIRST, 0, "held"),
    (_REALTIME, _answer(None, status=502), Past.FIRST, 0, "unknown"),
    (_REALTIME, _answer(Code.INSUFFICIENT_BALANCE), Past.FIRST, 0, "pending"),
    (_REALTIME, _answer(Code.INSUFFICIENT_BALANCE), Past.UNANSWERED, 1, "unknown"),
    (_BULK, _answer(Code.INSUFFICIENT_BALANCE), Past.DOUBTFUL, 1, "unknown"),
    (_REALTIME, _answer(Code.INVALID_FLOW_ID), Past.FIRST, 0, "pending"),
    (_REALTIME, NotSent("refused"), Past.FIRST, 0, "pending"),
    (_REALTIME, NotSent("refused"), Past.MIXED, 1, "unknown"),
]


@pytest.mark.parametrize(("endpoint", "exchange", "past", "attempts", "state"), _TABLE)
def test_an_answer_leads_to(endpoint: Endpoint, exchange: Exchange, past: Past, attempts: int, state: str) -> None:
    settled = settle(batch(endpoint=endpoint, past=past, attempts=attempts), exchange, rules(), NOON)
    assert settled.outcome.state == state


def test_a_single_call_that_is_bad_is_refused() -> None:
    settled = settle(batch(calls=1), _answer(Code.INVALID_CONTACT_NUMBER), rules(), NOON)
    assert settled.outcome.state is BatchState.REFUSED


def test_bulk_sends_again_only_when_it_was_told_to() -> None:
    told = rules(on_unknown=dict.fromkeys(Endpoint, UnknownPolicy.RESEND))
    assert settle(batch(endpoint=_BULK), _SILENT, told, NOON).outcome.state is BatchState.UNKNOWN


def test_of_a_partial_success_the_calls_that_are_not_listed_are_held() -> None:
    outcome = settle(
        batch(), _answer(Code.PARTIAL_SUCCESS, listed=["ci-b", "ci-d", "foreign"]), rules(), NOON
    ).outcome
    assert outcome.state is BatchState.ACCEPTED
    [child] = outcome.children
    assert (child.state, child.client_identifiers) == (BatchState.HELD, ["ci-a", "ci-c"])
    assert [call["client-identifier"] for call in thaw(child.frozen)] == ["ci-a", "ci-c"]
    assert child.past.may_be_accepted


@pytest.mark.parametrize("listed", [None, [], ["foreign"]])
def test_a_partial_success_that_lists_none_of_ours_is_held_whole(listed: list[str] | None) -> None:
    outcome = settle(batch(), _answer(Code.PARTIAL_SUCCESS, listed=listed), rules(), NOON).outcome
    assert (outcome.state, outcome.children) == (BatchState.HELD, ())
    assert outcome.past.may_be_accepted


def test_what_was_above_the_limit_or_never_left_is_no_attempt() -> None:
    for exchange in (_answer(None, status=429), NotSent("refused")):
        assert settle(batch(attempts=2), exchange, rules(), NOON).outcome.attempts == 2


@pytest.mark.parametrize("code", [Code.INSUFFICIENT_BALANCE, Code.INVALID_FLOW_ID])
def test_a_refusal_that_a_person_has_to_mend_is_no_attempt(code: Code) -> None:
    assert settle(batch(attempts=2), _answer(code), rules(), NOON).outcome.attempts == 2


def test_each_half_can_be_sent_until_the_end_of_its_own_day() -> None:
    today, tomorrow = (new_batch(names, starts_at=at).frozen for names, at in ((["a"], NOON), (["b"], NOON + DAY)))
    two_days = freeze_objects(thaw(today) + thaw(tomorrow))
    halves = split(batch(frozen=two_days, calls=2), "bad").children
    assert [half.starts_at for half in halves] == [NOON, NOON + DAY]
    assert halves[1].not_after - halves[0].not_after == DAY


def test_halves_keep_the_calls_in_order_and_were_never_sent() -> None:
    outcome = split(batch(), "too large")
    parts = [[call["client-identifier"] for call in thaw(child.frozen)] for child in outcome.children]
    assert parts == [["ci-a", "ci-b"], ["ci-c", "ci-d"]] == [child.client_identifiers for child in outcome.children]
    assert {(child.state, child.past) for child in outcome.children} == {(BatchState.PENDING, Past.FIRST)}


_EXCHANGES = st.one_of(
    st.just(_SILENT),
    st.builds(
        Answer,
        st.sampled_from([200, 202, 400, 403, 413, 429, 500, 502]),
        st.none() | st.sampled_from(Code),
        st.sampled_from(["Accepted", "Invalid Security ID", "said", ""]),
        st.sampled_from([None, "request"]),
        st.none() | st.lists(st.sampled_from(_NAMES)).map(lambda names: dict.fromkeys(names, "uuid")),
    ),
)


@given(
    _EXCHANGES,
    st.sampled_from([Past.UNANSWERED, Past.MIXED]),
    st.integers(0, 9),
    st.sampled_from(Endpoint),
    st.sampled_from(UnknownPolicy),
)
def test_after_a_silence_nothing_but_an_acceptance_ends_in_more_than_held(
    exchange: Exchange, past: Past, attempts: int, endpoint: Endpoint, policy: UnknownPolicy
) -> None:
    by = rules(on_unknown=dict.fromkeys(Endpoint, policy))
    outcome = settle(batch(endpoint=endpoint, past=past, attempts=attempts), exchange, by, NOON).outcome
    assert outcome.past.may_be_accepted
    assert not [child for child in outcome.children if child.state is not BatchState.HELD]
    shown = call_status(outcome.state, outcome.past)
    assert shown in {CallStatus.ACCEPTED, CallStatus.ACCEPTED_EARLIER, CallStatus.HELD}


@given(_EXCHANGES, st.sampled_from(Past), st.integers(4, 9), st.sampled_from(Endpoint))
def test_a_batch_is_not_sent_for_ever(exchange: Exchange, past: Past, attempts: int, endpoint: Endpoint) -> None:
    settled = settle(batch(endpoint=endpoint, past=past, attempts=attempts), exchange, rules(), NOON)
    ends = settled.outcome.state not in {BatchState.PENDING, BatchState.UNKNOWN}
    assert settled.kind is not None
    assert ends or settled.kind is Kind.THROTTLED or settled.kind.stops


@given(st.integers(-1, 10_000))
def test_a_backoff_is_between_one_second_and_a_minute(attempt: int) -> None:
    assert 1 <= backoff(attempt) <= 60


def test_a_backoff_doubles_but_for_its_jitter() -> None:
    lowest = [1, 2, 4, 8, 16, 32]
    assert all(low <= backoff(attempt) <= low + 1 for attempt, low in enumerate(lowest, start=1))


def test_an_outcome_never_shows_its_calls_in_its_text() -> None:
    shown = settle(batch(), _answer(Code.INVALID_CONTACT_NUMBER), rules(), NOON)
    assert "919999" not in repr(shown)
