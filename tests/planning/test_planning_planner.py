from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select, update

from ledger.promises import Clock
from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.contacts.cleaning import ContactColumns, MissingColumnsError
from phonon.ledger.report import result_rows
from phonon.ledger.schema import batches, plans
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planned, Planner
from phonon.planning.rules import PerNumber, PlanningRules, calls_per_batch
from planning.windows import ALWAYS

_RULES = PlanningRules("trial", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS)
_COLUMNS = ContactColumns("id", ("mobile",), {"Name": "name"})
_WITH_START = replace(_COLUMNS, start_at="at")
_TWO_DAYS = ["2026-11-25T12:00", "2026-11-26T12:00", None]
_DAY = timedelta(days=1).total_seconds()


def _frame(*rows: tuple[Any, Any], name: str = "Asha", at: Sequence[Any] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"id": [row[0] for row in rows], "mobile": [row[1] for row in rows], "name": name})
    return frame if at is None else frame.assign(at=pd.Series(at, dtype=object))


def _people(first: int, last: int) -> pd.DataFrame:
    return _frame(*((f"C{i}", _number(i)) for i in range(first, last)))


def _number(i: int) -> str:
    return f"91999990{i:04}"


def _plan(
    ledger: Ledger,
    chunks: Iterable[pd.DataFrame],
    *,
    run_id: str = "run-1",
    key: str = "day 1",
    columns: ContactColumns = _COLUMNS,
    **rules: Any,
) -> Planned:
    log = logging.getLogger("planning")
    return Planner(ledger, replace(_RULES, **rules), columns, run_id=run_id, log=log).plan(key, chunks)


def _broken() -> pd.DataFrame:
    raise ConnectionError


def _rows(ledger: Ledger, interval_id: int) -> list[dict[str, Any]]:
    return [row for chunk in result_rows(ledger, interval_id, chunk_rows=1000) for row in chunk]


def _reasons(ledger: Ledger, interval_id: int) -> dict[str, str]:
    return {row["contact_id"]: row["reason"] or row["status"] for row in _rows(ledger, interval_id)}


def _counted(planned: Planned) -> tuple[int, ...]:
    return planned.planned, planned.invalid, planned.suppressed, planned.dry_run


def _frozen(ledger: Ledger) -> list[list[dict[str, Any]]]:
    with ledger.transaction(read_only=True) as connection:
        rows = connection.execute(select(batches.c.frozen).order_by(batches.c.id)).scalars()
        return [thaw(zlib.decompress(frozen)) for frozen in rows]


_ID = st.sampled_from(["a", "b", "c", "d", "e", " a ", "", None])
_MOBILE = st.sampled_from([_number(i) for i in range(4)] + ["12", "", None])
_CHUNKS = st.lists(st.lists(st.tuples(_ID, _MOBILE), max_size=5), max_size=4)
_OPTIONS = st.fixed_dictionaries(
    {
        "max_calls": st.sampled_from([None, 0, 2]),
        "limit": st.sampled_from([None, 0, 1]),
        "dry_run": st.booleans(),
        "calls_per_batch": st.sampled_from([1, 2, 500]),
        "per_number": st.sampled_from([None, PerNumber(), PerNumber(2, 3)]),
    }
)


@given(_CHUNKS, _OPTIONS, _OPTIONS)
@settings(max_examples=40, deadline=None)
def test_every_row_of_a_query_is_counted_once_and_shown_once(
    chunks: list[list[tuple[Any, Any]]], options: dict[str, Any], again: dict[str, Any]
) -> None:
    ledger = Ledger(URL.create("sqlite"), clock=Clock())
    frames = [_frame(*rows).astype({"id": object, "mobile": object}) for rows in chunks]
    first = _plan(ledger, frames, **options)
    assert first.rows_read == sum(map(len, chunks)) == sum(_counted(first))
    shown = _rows(ledger, first.interval_id)
    assert len(shown) == first.rows_read
    assert sum(row["status"] == "pending" for row in shown) == first.planned == sum(map(len, _frozen(ledger)))

    second = _plan(ledger, frames, run_id="run-2", **again)
    called = [call["client-identifier"] for batch in _frozen(ledger) for call in batch]
    assert len(called) == len(set(called)) == first.planned + second.planned
    assert second.already_planned == first.planned
    ledger.close()


def test_an_id_that_comes_again_in_a_later_chunk_is_invalid(ledger: Ledger) -> None:
    planned = _plan(ledger, [_frame(("a", _number(1))), _frame(("a", _number(2)), ("b", _number(3)))])
    assert (planned.planned, planned.invalid) == (2, 1)
    assert [row["reason"] for row in _rows(ledger, planned.interval_id)] == [None, None, "contact_id: repeated"]


def test_a_plan_that_crashed_between_chunks_is_taken_up_for_exactly_the_rest(ledger: Ledger) -> None:
    def crashing() -> Iterator[pd.DataFrame]:
        yield _people(0, 4)
        raise SystemExit

    with pytest.raises(SystemExit):
        _plan(ledger, crashing())
    planned = _plan(ledger, [_people(0, 4), _people(4, 10)])
    assert (planned.planned, planned.already_planned) == (6, 4)
    assert {row["contact_id"] for row in _rows(ledger, planned.interval_id)} == {f"C{i}" for i in range(10)}


@pytest.mark.parametrize("options", [{"limit": 5}, {"test_numbers": [_number(9000 + i) for i in range(5)]}])
def test_a_run_that_is_tried_again_does_not_exceed_its_limit(ledger: Ledger, options: dict[str, Any]) -> None:
    def crashing() -> Iterator[pd.DataFrame]:
        yield _people(0, 4)
        raise SystemExit

    with pytest.raises(SystemExit):
        _plan(ledger, crashing(), **options)
    again = _plan(ledger, [_people(0, 4), _people(4, 10)], **options)
    cleared = _plan(ledger, [_people(0, 4), _people(4, 10)], **options)
    assert (again.planned, cleared.planned) == (1, 0)
    numbers = [number for batch in _frozen(ledger) for call in batch for number in call["contact-numbers"]]
    assert len(numbers) == len(set(numbers)) == 5


def test_a_query_that_fails_before_its_first_rows_plans_nothing(ledger: Ledger) -> None:
    with pytest.raises(ConnectionError):
        _plan(ledger, (_broken() for _ in range(1)))
    assert _plan(ledger, []).rows_read == 0


def test_a_column_that_is_missing_is_told_and_nothing_is_planned(ledger: Ledger) -> None:
    with pytest.raises(MissingColumnsError):
        _plan(ledger, [_people(0, 2).drop(columns="name")])
    assert _frozen(ledger) == []


def test_a_number_is_called_once_a_day_whatever_the_interval(ledger: Ledger, clock: Clock) -> None:
    chunk = [_frame(("a", _number(1)), ("b", _number(1)))]
    first = _plan(ledger, chunk)
    assert _reasons(ledger, first.interval_id) == {"a": "pending", "b": "same number as a in this run"}
    later = _plan(ledger, chunk, key="day 1 again", run_id="run-2")
    assert _reasons(ledger, later.interval_id) == dict.fromkeys("ab", "called on 2026-11-24 by trial")
    clock.seconds += _DAY
    assert _plan(ledger, chunk, key="day 2").planned == 1


@pytest.mark.parametrize(("days_later", "planned"), [(0, 0), (2, 0), (3, 1)])
def test_a_limit_of_several_days_reaches_so_far_back(
    ledger: Ledger, clock: Clock, days_later: int, planned: int
) -> None:
    rule = PerNumber(calls=2, days=3)
    _plan(ledger, [_frame(("a", _number(1)), ("b", _number(1)))], per_number=rule)
    clock.seconds += days_later * _DAY
    found = _plan(ledger, [_frame(("c", _number(1)))], key="later", run_id="run-2", per_number=rule)
    assert found.planned == planned
    if not planned:
        assert _reasons(ledger, found.interval_id) == {"c": "called on 2026-11-24 by trial"}


def test_calls_of_one_chunk_on_two_days_count_together(ledger: Ledger) -> None:
    rows = _frame(("a", _number(1)), ("b", _number(1)), ("c", _number(2)), at=_TWO_DAYS)
    planned = _plan(ledger, [rows], columns=_WITH_START, per_number=PerNumber(calls=1, days=2))
    assert _reasons(ledger, planned.interval_id) == {
        "a": "pending",
        "c": "pending",
        "b": "same number as a in this run",
    }


@pytest.mark.parametrize(
    ("state", "planned"), [(BatchState.REFUSED, 1), (BatchState.EXPIRED, 1), (BatchState.HELD, 0)]
)
def test_a_call_that_was_certainly_not_made_does_not_count(ledger: Ledger, state: BatchState, planned: int) -> None:
    _plan(ledger, [_frame(("a", _number(1)))])
    with ledger.transaction() as connection:
        connection.execute(update(batches).values(state=state))
    assert _plan(ledger, [_frame(("a", _number(1)))], key="again").planned == planned


def test_an_alternate_number_is_left_when_the_first_was_called_often_enough(ledger: Ledger) -> None:
    columns = ContactColumns("id", ("mobile", "name"))
    _plan(ledger, [_frame(("a", _number(1)))])
    planned = _plan(ledger, [_frame(("b", _number(1)), name=_number(2))], key="again", columns=columns)
    assert planned.planned == 1
    assert _frozen(ledger)[-1][0]["contact-numbers"] == [_number(2)]
    assert _rows(ledger, planned.interval_id)[0]["number_last4"] == "0002"


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([None, None], dtype=object),
        pd.Series([pd.NaT, pd.NaT], dtype="datetime64[ns]"),
        pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us, Asia/Kolkata]"),
        pd.Series([None, None], dtype="str"),
        pd.Series([float("nan"), pd.NA], dtype=object),
    ],
    ids=["objects", "timestamps", "timestamps with a zone", "texts", "mixed"],
)
def test_a_contact_without_a_start_starts_when_the_campaign_does(
    ledger: Ledger, clock: Clock, column: pd.Series
) -> None:
    planned = _plan(ledger, [_people(0, 2).assign(at=column)], columns=_WITH_START)
    assert [row["start_time"].timestamp() for row in _rows(ledger, planned.interval_id)] == [clock.seconds] * 2


def test_a_contact_whose_start_is_no_time_is_invalid(ledger: Ledger) -> None:
    planned = _plan(ledger, [_people(0, 3).assign(at=["soon", 7, "15:00"])], columns=_WITH_START)
    reasons = _reasons(ledger, planned.interval_id)
    assert reasons == {"C0": "start_at: not a time", "C1": "start_at: not a time", "C2": "pending"}


def test_the_most_calls_of_an_interval_hold_for_all_its_runs(ledger: Ledger) -> None:
    assert _plan(ledger, [_people(0, 3), _people(3, 6)], max_calls=4).planned == 4
    later = _plan(ledger, [_people(0, 10)], run_id="run-2", max_calls=5)
    assert (later.planned, later.already_planned, later.suppressed) == (1, 4, 5)


def test_a_dry_run_counts_and_claims_nothing(ledger: Ledger) -> None:
    dry = _plan(ledger, [_people(0, 3), _people(3, 6)], dry_run=True, max_calls=5)
    assert (dry.admitted, dry.planned, dry.batches, dry.dry_run, dry.suppressed) == (5, 0, 0, 5, 1)
    assert list(_reasons(ledger, dry.interval_id).values()) == ["dry run"] * 5 + ["over max_calls"]
    assert _plan(ledger, [_people(0, 6)]).planned == 6


def test_test_numbers_are_called_instead_of_the_contacts(ledger: Ledger) -> None:
    planned = _plan(ledger, [_people(0, 1), _people(1, 4)], test_numbers=(_number(9001), _number(9002)))
    called = [call["contact-numbers"] for batch in _frozen(ledger) for call in batch]
    assert called == [[_number(9001)], [_number(9002)]]
    assert _reasons(ledger, planned.interval_id) == {"test:1": "pending", "test:2": "pending"}


def test_a_test_run_is_counted_by_its_calls_alone(ledger: Ledger) -> None:
    planned = _plan(ledger, [_people(0, 2), _frame(("a", "12"))], test_numbers=(_number(9001),))
    again = _plan(ledger, [_people(0, 2)], test_numbers=(_number(9001), _number(9002)))
    assert (planned.planned, again.planned) == (1, 1)
    assert _reasons(ledger, planned.interval_id) == {"test:1": "pending", "test:2": "pending"}
    with ledger.transaction(read_only=True) as connection:
        assert connection.execute(select(plans.c.rows_read).order_by(plans.c.id)).scalars().all() == [1, 1]


def test_a_dry_run_stands_in_nobodys_way(ledger: Ledger) -> None:
    def real() -> Iterator[pd.DataFrame]:
        yield _people(0, 2)
        raise SystemExit

    dry = _plan(ledger, [_people(0, 3)], dry_run=True, dry_run_reason="late: due 20 h before")
    assert [row["status"] for row in _rows(ledger, dry.interval_id)] == ["dry_run"] * 3
    with pytest.raises(SystemExit):
        _plan(ledger, real(), run_id="run-2")
    assert [row["status"] for row in _rows(ledger, dry.interval_id)] == ["pending", "pending", "dry_run"]
    assert _plan(ledger, [_people(0, 3)], run_id="run-3").planned == 1
    assert [row["status"] for row in _rows(ledger, dry.interval_id)] == ["pending"] * 3


def test_a_call_that_fits_into_no_request_is_invalid_and_the_others_are_planned(ledger: Ledger) -> None:
    large = _frame(("large", _number(1)), name="x" * 256_000)
    planned = _plan(ledger, [pd.concat([_people(2, 4), large], ignore_index=True)])
    assert (planned.planned, planned.invalid) == (2, 1)
    assert "call: larger than" in _reasons(ledger, planned.interval_id)["large"]


@pytest.mark.parametrize(("most", "sizes"), [(500, [7]), (3, [3, 3, 1]), (1, [1] * 7)])
def test_batches_are_filled_in_order(ledger: Ledger, most: int, sizes: list[int]) -> None:
    planned = _plan(ledger, [_people(0, 7)], calls_per_batch=most)
    frozen = _frozen(ledger)
    assert [len(batch) for batch in frozen] == sizes
    assert planned.batches == len(sizes)
    assert [call["contact-numbers"] for batch in frozen for call in batch] == [[_number(i)] for i in range(7)]


@pytest.mark.parametrize(
    ("per_minute", "counts_requests", "calls"),
    [(30_000, False, 500), (600, False, 10), (500, False, 8), (1, False, 1), (60_000, False, 500), (5, True, 500)],
)
def test_a_batch_holds_a_second_of_the_limit(per_minute: int, counts_requests: bool, calls: int) -> None:
    assert calls_per_batch(per_minute, counts_requests=counts_requests) == calls


@pytest.mark.parametrize(
    ("key", "variables", "names"),
    [
        ("ClientIdentifier", {"Name": "name"}, ["$flow.key.Name", "$flow.key.ClientIdentifier"]),
        (None, {"Name": "name"}, ["$flow.key.Name"]),
        ("Name", {"Name": "name"}, ["$flow.key.Name"]),
    ],
)
def test_the_identifier_is_among_the_flow_variables(
    ledger: Ledger, key: str | None, variables: dict[str, str], names: list[str]
) -> None:
    _plan(ledger, [_people(0, 1)], correlation_key=key, columns=replace(_COLUMNS, variables=variables))
    [[call]] = _frozen(ledger)
    assert [each["name"] for each in call["keys"]] == names
    if key == "ClientIdentifier":
        assert call["keys"][-1]["value"] == call["client-identifier"]
