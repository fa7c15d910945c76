from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.sending import batch, rules, starts_of
from ledger.promises import new_batch
from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Past
from phonon.dispatch.admission import Admission, Go, Leave, Move, admit
from phonon.dispatch.policy import UnknownPolicy
from phonon.ledger.budget import RateLimit
from phonon.ledger.outbox import Batch, Envelope, Outcome
from phonon.ledger.states import BatchState
from planning.windows import INDIA, OFFICE_HOURS

_SEND_SECONDS = 90.0
_MAYBE = [Past.DOUBTFUL, Past.UNANSWERED, Past.MIXED]


def _at(clock: str, *, day: int = 24) -> float:
    return datetime.fromisoformat(f"2026-11-{day}T{clock}").replace(tzinfo=INDIA).timestamp()


def _batch(starts: str = "12:00:00", **changes: Any) -> Batch:
    at = _at(starts)
    frozen = new_batch(["a", "b", "c", "d"], starts_at=at).frozen
    return batch(frozen=frozen, starts_at=at, not_after=_at("23:59:00"), body_sha256="sha", **changes)


def _admit(found: Batch, now: float, *, sha: str = "sha", **changes: Any) -> Admission:
    by = rules(**{"window": OFFICE_HOURS, **changes})
    return admit(Envelope(found, sha, 100), by, now, send_seconds=_SEND_SECONDS)


@pytest.mark.parametrize("past", Past)
def test_a_batch_goes_in_the_window(past: Past) -> None:
    assert isinstance(_admit(_batch(past=past), _at("15:00:00")), Go)


def test_an_unknown_batch_is_held_where_nothing_is_sent_again() -> None:
    unknown = _batch(state=BatchState.UNKNOWN, past=Past.UNANSWERED, endpoint=Endpoint.BULK)
    assert _held(_admit(unknown, _at("15:00:00")))
    resend = dict.fromkeys(Endpoint, UnknownPolicy.RESEND)
    assert isinstance(_admit(unknown, _at("15:00:00"), on_unknown=resend), Go)


@pytest.mark.parametrize(("attempts", "goes"), [(4, True), (5, False)])
def test_an_unknown_batch_is_sent_a_bounded_number_of_times(attempts: int, goes: bool) -> None:
    found = _admit(_batch(state=BatchState.UNKNOWN, past=Past.UNANSWERED, attempts=attempts), _at("15:00:00"))
    assert isinstance(found, Go) if goes else _held(found)


@pytest.mark.parametrize("past", Past)
def test_a_batch_whose_day_has_passed_is_not_sent(past: Past) -> None:
    found = _admit(_batch(past=past), _at("11:00:00", day=25))
    assert isinstance(found, Outcome)
    assert found.state is (BatchState.HELD if past in _MAYBE else BatchState.EXPIRED)


@pytest.mark.parametrize("past", Past)
def test_bytes_that_would_differ_are_not_sent_after_an_unanswered_send(past: Past) -> None:
    found = _admit(_batch(past=past), _at("15:00:00"), sha="another")
    assert _held(found) if past in _MAYBE else isinstance(found, Go)


@pytest.mark.parametrize("past", Past)
def test_a_batch_that_is_larger_than_the_limit_is_split_unless_it_may_be_accepted(past: Past) -> None:
    limits = {endpoint: RateLimit(endpoint, "account", 3) for endpoint in Endpoint}
    found = _admit(_batch(past=past), _at("15:00:00"), limits=limits)
    assert isinstance(found, Outcome)
    assert found.state is (BatchState.HELD if past in _MAYBE else BatchState.SPLIT)


@pytest.mark.parametrize("clock", ["09:59:59", "18:58:30", "18:59:59", "19:00:00", "22:00:00"])
@pytest.mark.parametrize("past", Past)
def test_outside_the_window_and_before_its_end_nothing_dials_at_once(past: Past, clock: str) -> None:
    found = _admit(_batch("09:00:00", past=past), _at(clock))
    if past in _MAYBE:
        assert _held(found)
    else:
        assert isinstance(found, Move if past is Past.FIRST else Leave)


def test_a_batch_that_may_arrive_late_is_not_sent_so_that_it_could_dial_after_the_close() -> None:
    found = _batch()
    assert isinstance(_admit(found, _at("18:58:29")), Go)
    assert isinstance(_admit(found, _at("18:58:31")), Move)


def test_a_batch_that_was_never_sent_moves_to_the_next_window() -> None:
    moved = _admit(_batch(), _at("19:30:00"))
    assert isinstance(moved, Move)
    opens = _at("10:00:00", day=25)
    assert (moved.starts_at, starts_of(moved.frozen)) == (opens, [opens] * 4)
    assert moved.not_after == _at("23:59:00", day=25)
    again = replace(moved.batch, frozen=moved.frozen, starts_at=moved.starts_at, not_after=moved.not_after)
    assert isinstance(_admit(again, _at("19:30:01")), Go), "with a start-time in the next window it can go at once"


def test_a_call_of_tomorrow_goes_at_any_hour() -> None:
    assert isinstance(_admit(_batch("18:00:00"), _at("03:00:00")), Go)


def test_a_start_that_a_narrower_window_leaves_out_is_moved() -> None:
    moved = _admit(_batch("20:00:00"), _at("12:00:00"))
    assert isinstance(moved, Move)
    assert moved.starts_at == _at("10:00:00", day=25)


@given(
    st.integers(0, 2 * 86_400),
    st.integers(0, 86_399),
    st.sampled_from(Past),
    st.sampled_from([BatchState.PENDING, BatchState.UNKNOWN]),
)
def test_whatever_goes_starts_in_the_window_however_late_it_arrives(
    now: int, starts: int, past: Past, state: BatchState
) -> None:
    midnight = _at("00:00:00")
    found = batch(
        past=past, state=state, starts_at=midnight + starts, not_after=midnight + 86_340, body_sha256="sha"
    )
    admission = _admit(found, midnight + now)
    if isinstance(admission, Go):
        for arrival in (midnight + now, midnight + now + _SEND_SECONDS):
            dials = datetime.fromtimestamp(max(arrival, found.starts_at), INDIA)
            assert OFFICE_HOURS.is_open(dials)
    if isinstance(admission, Move):
        assert past is Past.FIRST
        assert OFFICE_HOURS.is_open(datetime.fromtimestamp(admission.starts_at, INDIA))
        assert admission.starts_at > midnight + now


def _held(admission: Admission) -> bool:
    return isinstance(admission, Outcome) and admission.state is BatchState.HELD
