from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.sending import batch, rules, starts_of
from ledger.promises import new_batch
from phonon.api.endpoints import Endpoint
from phonon.api.request import encode_call, encode_start_time, freeze
from phonon.api.verdict import Past
from phonon.calling_window import Holidays, Outside
from phonon.dispatch.admission import Admission, Go, Leave, Move, admit
from phonon.dispatch.policy import UnknownPolicy
from phonon.ledger.budget import RateLimit
from phonon.ledger.outbox import Batch, Envelope, Outcome
from phonon.ledger.states import BatchState
from planning.windows import INDIA, OFFICE_HOURS

_SEND_SECONDS = 90.0
_MAYBE = [Past.ACCEPTED, Past.DOUBTFUL, Past.UNANSWERED, Past.MIXED]


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


@pytest.mark.parametrize("past", Past)
def test_calls_that_wait_are_handed_over_only_while_the_window_is_open(past: Past) -> None:
    tomorrow = _batch("10:00:00", past=past)
    for clock in ("03:00:00", "09:59:59", "18:58:30", "19:00:00"):
        waiting = replace(tomorrow, frozen=_frozen(_at("10:00:00", day=25)), not_after=_at("23:59:00", day=25))
        assert isinstance(_admit(waiting, _at(clock), outside=Outside.WAIT), Leave)
        assert isinstance(_admit(waiting, _at(clock)), Go), "where calls do not wait it goes at any hour"
    assert isinstance(_admit(tomorrow, _at("10:00:00"), outside=Outside.WAIT), Go)
    assert isinstance(_admit(tomorrow, _at("18:58:29"), outside=Outside.WAIT), Go)


def test_calls_that_wait_when_their_window_closes_wait_for_the_next_one() -> None:
    moved = _admit(_batch(), _at("19:30:00"), outside=Outside.WAIT)
    assert isinstance(moved, Move)
    assert moved.starts_at == _at("10:00:00", day=25)
    again = replace(moved.batch, frozen=moved.frozen, starts_at=moved.starts_at, not_after=moved.not_after)
    assert isinstance(_admit(again, _at("19:30:01"), outside=Outside.WAIT), Leave)
    assert isinstance(_admit(again, _at("10:00:01", day=25), outside=Outside.WAIT), Go)
    late = _admit(again, _at("10:00:01", day=26), outside=Outside.WAIT)
    assert isinstance(late, Outcome)
    assert late.state is BatchState.EXPIRED


@pytest.mark.parametrize("past", Past)
def test_calls_that_are_dropped_expire_when_their_window_has_closed(past: Past) -> None:
    found = _admit(_batch(past=past), _at("19:30:00"), outside=Outside.DROP)
    assert isinstance(found, Outcome)
    if past in _MAYBE:
        assert found.state is BatchState.HELD
    else:
        assert (found.state, found.reason) == (BatchState.EXPIRED, "its window has closed")


def test_a_call_of_tomorrow_is_not_dropped_at_night() -> None:
    assert isinstance(_admit(_batch("18:00:00"), _at("03:00:00"), outside=Outside.DROP), Go)


@pytest.mark.parametrize("outside", Outside)
@pytest.mark.parametrize("past", Past)
def test_a_batch_of_which_a_later_call_fell_on_a_new_holiday_is_split(past: Past, outside: Outside) -> None:
    days = [_at("12:00:00"), _at("15:00:00"), _at("12:00:00", day=25), _at("12:00:00", day=26)]
    planned = replace(_batch(past=past), frozen=_frozen(*days))
    closed = Holidays(frozenset({date(2026, 11, 25)}))
    window = replace(OFFICE_HOURS, holidays=closed)
    assert isinstance(_admit(planned, _at("11:00:00"), outside=outside), Go)
    found = _admit(planned, _at("11:00:00"), window=window, outside=outside)
    if past in _MAYBE:
        assert _held(found)
        return
    assert isinstance(found, Outcome)
    assert [starts_of(child.frozen) for child in found.children] == [days[:2], days[2:]]
    second = replace(planned, frozen=found.children[1].frozen, calls=2, past=Past.FIRST)
    apart = _admit(second, _at("11:00:00"), window=window, outside=outside)
    if outside is Outside.DROP:
        assert isinstance(apart, Outcome)
        assert [starts_of(child.frozen) for child in apart.children] == [days[2:3], days[3:]]
    else:
        assert isinstance(apart, Move)
        assert starts_of(apart.frozen) == [_at("10:00:00", day=26), days[3]]


def test_a_text_of_a_contact_is_not_taken_for_a_start() -> None:
    night = '"start-time":"2026-11-24T23:00:00+05:30"'
    start = encode_start_time(datetime.fromtimestamp(_at("12:00:00"), INDIA))
    call = encode_call(night, start, ["919999900000"], [("Name", night), (night, "Asha")])
    found = replace(_batch(), frozen=freeze([call]), calls=1)
    assert isinstance(_admit(found, _at("12:00:00")), Go)


@given(
    st.integers(0, 2 * 86_400),
    st.lists(st.integers(0, 2 * 86_400), min_size=1, max_size=4),
    st.sampled_from(Past),
    st.sampled_from([BatchState.PENDING, BatchState.UNKNOWN]),
    st.sampled_from(Outside),
    st.frozensets(st.sampled_from([date(2026, 11, 24), date(2026, 11, 25)])),
)
def test_whatever_goes_starts_in_the_window_however_late_it_arrives(
    now: int, starts: list[int], past: Past, state: BatchState, outside: Outside, holidays: frozenset[date]
) -> None:
    midnight = _at("00:00:00")
    window = replace(OFFICE_HOURS, holidays=Holidays(holidays))
    moments = sorted(midnight + start for start in starts)
    found = batch(
        past=past,
        state=state,
        frozen=_frozen(*moments),
        calls=len(moments),
        starts_at=moments[0],
        not_after=midnight + 3 * 86_400,
        body_sha256="sha",
    )
    admission = _admit(found, midnight + now, window=window, outside=outside)
    if isinstance(admission, Go):
        for arrival in (midnight + now, midnight + now + _SEND_SECONDS):
            for start in moments:
                assert window.is_open(datetime.fromtimestamp(max(arrival, start), INDIA))
            assert outside is not Outside.WAIT or window.is_open(datetime.fromtimestamp(arrival, INDIA))
    if isinstance(admission, Move):
        assert past is Past.FIRST
        assert outside is not Outside.DROP
        assert window.is_open(datetime.fromtimestamp(admission.starts_at, INDIA))
        assert admission.starts_at > midnight + now
        assert starts_of(admission.frozen)[0] == admission.starts_at
    if isinstance(admission, Leave):
        assert outside is Outside.WAIT or past is Past.REFUSED


def _frozen(*starts_at: float) -> bytes:
    texts = [encode_start_time(datetime.fromtimestamp(at, INDIA)) for at in starts_at]
    return freeze([encode_call(f"ci-{n}", text, ["919999900000"], []) for n, text in enumerate(texts)])


def _held(admission: Admission) -> bool:
    return isinstance(admission, Outcome) and admission.state is BatchState.HELD
