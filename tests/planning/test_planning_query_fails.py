"""A query that fails after some of its rows: the ledger is as it was before, but for what is being sent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, func, select

from ledger.promises import NOON, Clock, accepted, sendable, settle, take_all
from phonon.api.endpoints import Endpoint
from phonon.contacts.cleaning import ContactColumns
from phonon.errors import WarehouseError
from phonon.ledger.budget import RateLimit
from phonon.ledger.do_not_call import add
from phonon.ledger.outbox import Child, Outcome
from phonon.ledger.report import result_rows, run_figures, totals
from phonon.ledger.schema import batches, calls, intervals, number_uses, rejects
from phonon.ledger.settlements import Decision
from phonon.ledger.states import WITHOUT_CALLS, BatchState
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import withdraw_listed
from phonon.planning.planner import Planned, Planner
from phonon.planning.rules import PerNumber, PlanningRules
from phonon.warehouse.failures import QueryError
from planning.windows import ALWAYS

RULES = PlanningRules("trial", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS, per_number=PerNumber(), calls_per_batch=2)
COLUMNS = ContactColumns("id", ("mobile", "other"))
LOG = logging.getLogger("planning")

Rows = list[tuple[str, str | None, str | None]]


def number(i: int) -> str:
    return f"9199999{i:05}"


def people(*places: int) -> Rows:
    return [(f"C{i}", number(i), None) for i in places]


def read(*chunks: Rows, fails: type[Exception] | None = None) -> Iterator[pd.DataFrame]:
    for rows in chunks:
        yield pd.DataFrame(rows, columns=["id", "mobile", "other"], dtype=object)
    if fails:
        raise fails("The warehouse 'warehouse' failed while reading: division by zero.")


def plan(
    ledger: Ledger, chunks: Iterable[pd.DataFrame], *, run_id: str = "run-1", key: str = "day 1", **rules: Any
) -> Planned:
    return Planner(ledger, replace(RULES, **rules), COLUMNS, run_id=run_id, log=LOG).plan(key, chunks)


def fail(
    ledger: Ledger, *chunks: Rows, error: type[Exception] = QueryError, run_id: str = "run-1", **rules: Any
) -> None:
    with pytest.raises(error, match="division by zero"):
        plan(ledger, read(*chunks, fails=error), run_id=run_id, **rules)


def books(ledger: Ledger) -> dict[str, Counter[Any]]:
    """All claims of the ledger. Of its batches, those that hold calls, or did when a query had not failed."""
    with ledger.transaction(read_only=True) as connection:
        tables = {
            table.name: Counter(map(tuple, connection.execute(select(table))))
            for table in (calls, number_uses, rejects)
        }
        held = select(batches).where(batches.c.state.not_in(sorted(WITHOUT_CALLS)))
        return tables | {batches.name: Counter(map(tuple, connection.execute(held)))}


def reasons(ledger: Ledger, interval_id: int) -> Counter[tuple[str, str]]:
    chunks = result_rows(ledger, interval_id, chunk_rows=100)
    return Counter((row["contact_id"], row["reason"] or row["status"]) for chunk in chunks for row in chunk)


def only_interval(ledger: Ledger) -> int:
    with ledger.transaction(read_only=True) as connection:
        interval_id: int = connection.execute(select(intervals.c.id)).scalar_one()
    return interval_id


@pytest.mark.parametrize("error", [QueryError, WarehouseError])
def test_a_query_that_fails_leaves_no_claim_however_its_failure_is_named(
    ledger: Ledger, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    before = books(ledger)
    with caplog.at_level(logging.INFO):
        fail(ledger, people(0, 1, 2), [*people(3), ("bad", "12", None), *people(1)], error=error)
    assert books(ledger) == before
    assert "failed after 6 rows: of the planned calls 4 are taken back" in caplog.text
    with ledger.transaction(read_only=True) as connection:
        assert not +Counter(totals(connection, only_interval(ledger)).by_status)
        figures = run_figures(connection, only_interval(ledger), "run-1")
    assert (figures.rows_read, figures.planned) == (0, 0)


def test_the_corrected_query_plans_who_was_taken_back_and_nobody_whom_it_leaves_out(ledger: Ledger) -> None:
    fail(ledger, people(0, 1), people(2, 3))
    again = plan(ledger, read(people(1, 2)), run_id="run-2")
    assert (again.planned, again.already_planned, again.suppressed) == (2, 0, 0)
    assert reasons(ledger, again.interval_id) == Counter([("C1", "pending"), ("C2", "pending")])


def test_the_limit_of_a_run_counts_only_the_tries_that_planned(ledger: Ledger) -> None:
    fail(ledger, people(0, 1, 2), limit=3)
    assert plan(ledger, read(people(0, 1, 2, 3)), limit=3).planned == 3


def test_claims_and_rejects_of_earlier_runs_are_shown_as_before(ledger: Ledger) -> None:
    first = plan(ledger, read([*people(0, 1), *people(0), ("bad", "12", None)]))
    before, shown = books(ledger), reasons(ledger, first.interval_id)
    assert ("C0", "contact_id: repeated") in shown
    fail(ledger, people(0, 1), [*people(2), ("worse", "12", None)], run_id="run-2")
    assert books(ledger) == before
    assert reasons(ledger, first.interval_id) == shown


def test_what_a_sender_has_taken_stays_and_is_sent_once(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    taken: list[Any] = []

    def chunks() -> Iterator[pd.DataFrame]:
        yield from read(people(0, 1, 2, 3))
        taken.extend(take_all(ledger, sendable(ledger, only_interval(ledger))[:1]))
        raise QueryError("division by zero")

    with pytest.raises(QueryError):
        plan(ledger, chunks())
    interval = only_interval(ledger)
    assert reasons(ledger, interval) == Counter({("C0", "held"): 1, ("C1", "held"): 1})
    assert "of the planned calls 2 are taken back, and 2 stay" in caplog.text
    assert settle(ledger, accepted(taken[0])) == []
    again = plan(ledger, read(people(0, 1, 2)), run_id="run-2")
    assert (again.planned, again.already_planned) == (1, 2)
    assert reasons(ledger, interval) == Counter([("C0", "accepted"), ("C1", "accepted"), ("C2", "pending")])


def test_a_sender_that_read_a_batch_before_it_was_taken_back_can_not_send_it(ledger: Ledger) -> None:
    read_before: list[Any] = []

    def chunks() -> Iterator[pd.DataFrame]:
        yield from read(people(0, 1))
        read_before.extend(sendable(ledger, only_interval(ledger)))
        raise QueryError("division by zero")

    with pytest.raises(QueryError):
        plan(ledger, chunks())
    plan(ledger, read(people(5, 6)), run_id="run-2")
    assert len(read_before) == 1
    assert take_all(ledger, read_before) == []


def test_the_parts_of_a_batch_that_a_sender_split_before_it_sent_any_are_taken_back(ledger: Ledger) -> None:
    before = books(ledger)

    def chunks() -> Iterator[pd.DataFrame]:
        yield from read(people(0, 1))
        [batch] = sendable(ledger, only_interval(ledger))
        frozen = batch.frozen[1:-1].replace(b"},{", b"}\n{").splitlines()
        with ledger.transaction(read_only=True) as connection:
            names = list(
                connection.execute(select(calls.c.client_identifier).order_by(calls.c.contact_id)).scalars()
            )
        parts = [
            Child(b"[" + part + b"]", [name], BatchState.PENDING, batch.past)
            for part, name in zip(frozen, names, strict=True)
        ]
        settle(ledger, Outcome(batch, BatchState.SPLIT, batch.past, "above the limit", 0, children=parts))
        raise QueryError("division by zero")

    with pytest.raises(QueryError):
        plan(ledger, chunks())
    assert books(ledger) == before


def test_a_contact_that_another_run_has_seen_meanwhile_stays_planned(ledger: Ledger) -> None:
    def chunks() -> Iterator[pd.DataFrame]:
        yield from read(people(0, 1))
        assert plan(ledger, read(people(1)), run_id="run-2").already_planned == 1
        raise QueryError("division by zero")

    with pytest.raises(QueryError):
        plan(ledger, chunks())
    interval = only_interval(ledger)
    assert reasons(ledger, interval) == Counter([("C1", "pending")])
    [batch] = sendable(ledger, interval)
    assert batch.calls == 1
    assert batch.frozen.count(b"client-identifier") == 1


def test_a_call_of_an_earlier_run_that_was_withdrawn_meanwhile_is_still_shown(ledger: Ledger) -> None:
    plan(ledger, read(people(0, 1)))

    def chunks() -> Iterator[pd.DataFrame]:
        yield from read(people(0, 1, 2))
        with ledger.transaction() as connection:
            add(connection, [ledger.number_hash(number(0))], by="asha", note="letter", now=NOON)
        withdraw_listed(ledger, Decision("asha", "letter", "cli:asha", NOON))
        raise QueryError("division by zero")

    with pytest.raises(QueryError):
        plan(ledger, chunks(), run_id="run-2")
    assert reasons(ledger, only_interval(ledger)) == Counter([("C0", "do not call"), ("C1", "pending")])


def test_a_sender_and_a_failing_plan_share_the_batches_without_a_loss(ledger: Ledger) -> None:
    count = 120
    gate = Barrier(2)

    def chunks() -> Iterator[pd.DataFrame]:
        yield from read(people(*range(count)))
        gate.wait()
        raise QueryError("division by zero")

    def send() -> None:
        gate.wait()
        interval = only_interval(ledger)
        while found := sendable(ledger, interval):
            for taken in take_all(ledger, found[-1:], limit=RateLimit(Endpoint.BULK, "account", 1_000_000)):
                settle(ledger, accepted(taken))

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        with pytest.raises(QueryError):
            plan(ledger, chunks())
        sending.result()
    interval = only_interval(ledger)
    went = reasons(ledger, interval)
    assert {status for _, status in went} <= {"accepted"}
    again = plan(ledger, read(people(*range(count))), run_id="run-2")
    assert (again.planned, again.already_planned) == (count - len(went), len(went))
    with ledger.transaction(read_only=True) as connection:
        assert connection.execute(select(func.count()).select_from(number_uses)).scalar_one() == count


_ROW = st.tuples(
    st.sampled_from(["a", "b", "c", "d", "e", None]),
    st.sampled_from([*map(number, range(6)), "12", None]),
    st.sampled_from([number(7), None]),
)
_QUERY = st.lists(st.lists(_ROW, max_size=4), min_size=1, max_size=4)


@given(st.lists(_QUERY, max_size=3), _QUERY, st.sampled_from([{}, {"dry_run": True}, {"max_calls": 3}]))
@settings(max_examples=80)
def test_whatever_was_planned_before_a_failing_query_changes_nothing(
    earlier: list[list[Rows]], failing: list[Rows], rules: dict[str, Any]
) -> None:
    ledger = Ledger(URL.create("sqlite"), clock=Clock())
    try:
        for place, chunks in enumerate(earlier):
            plan(ledger, read(*chunks), run_id=f"run-{place}")
        before = books(ledger)
        fail(ledger, *failing, run_id="failing", **rules)
        assert books(ledger) == before
    finally:
        ledger.close()
