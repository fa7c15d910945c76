"""Contacts whose calls only a report of Phonon's has: shown as accepted, never sent, and counted by every rule."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Connection, select, text

from ledger.promises import NOON, Clock, new_batch, new_plan, sendable
from phonon.api.endpoints import MAX_CALLS, Endpoint
from phonon.contacts.cleaning import ContactColumns
from phonon.ledger.claims import add_batch
from phonon.ledger.known_calls import any_noted, note, stop_planning
from phonon.ledger.outbox import erase_settled
from phonon.ledger.report import result_rows, totals
from phonon.ledger.schema import batches, known_calls
from phonon.ledger.settlements import Decision, Proof, open_batches
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.planning.identity import client_identifier
from phonon.planning.planner import Planned, Planner
from phonon.planning.rules import PerNumber, PlanningRules
from planning.windows import ALWAYS

_RULES = PlanningRules("trial", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS)
_COLUMNS = ContactColumns("id", ("mobile",), {"Name": "name"}, "at")
_NOTED = "accepted: in Phonon's report, noted by asha on 2026-11-24 12:00:00 UTC"
_PATIENCE_SECONDS = 30


def _number(i: int) -> str:
    return f"91999990{i:04}"


def _frame(*rows: tuple[Any, Any], at: str | None = None) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["id", "mobile"], dtype=object)
    return frame.assign(name="Asha", at=pd.Series([at] * len(rows), dtype=object))


def _plan(
    ledger: Ledger, *chunks: pd.DataFrame, run_id: str = "run-1", key: str = "day 1", **rules: Any
) -> Planned:
    log = logging.getLogger("planning")
    return Planner(ledger, replace(_RULES, **rules), _COLUMNS, run_id=run_id, log=log).plan(key, chunks)


def _know(ledger: Ledger, *contact_ids: str, key: str = "day 1", request_id: str | None = "request") -> None:
    names = {contact_id: client_identifier("trial", key, contact_id) for contact_id in contact_ids}
    proofs = {name: Proof(request_id, f"uuid of {contact_id}") for contact_id, name in names.items()}
    with ledger.transaction() as connection:
        note(connection, proofs, Decision("asha", "disk broken", "cli:asha", NOON))


def _shown(ledger: Ledger, interval_id: int) -> dict[str, Mapping[str, Any]]:
    chunks = result_rows(ledger, interval_id, chunk_rows=1000)
    return {row["contact_id"]: row for chunk in chunks for row in chunk}


def _told(ledger: Ledger, interval_id: int) -> dict[str, str]:
    return {name: row["reason"] or row["status"] for name, row in _shown(ledger, interval_id).items()}


def test_a_known_call_is_accepted_with_its_ids_and_never_sent(ledger: Ledger) -> None:
    _know(ledger, "a")
    planned = _plan(ledger, _frame(("a", _number(1)), ("b", _number(2))))
    assert (planned.rows_read, planned.planned, planned.reported, planned.batches) == (2, 1, 1, 1)
    rows = _shown(ledger, planned.interval_id)
    known = rows["a"]
    assert (known["status"], known["reason"], known["api_code"]) == ("accepted", _NOTED, None)
    assert (known["request_id"], known["phonon_uuid"]) == ("request", "uuid of a")
    assert (known["number_last4"], known["sent_at"], known["run_id"]) == ("0001", None, "run-1")
    assert rows["b"]["status"] == "pending"
    assert [batch.calls for batch in sendable(ledger, planned.interval_id)] == [1]
    with ledger.transaction(read_only=True) as connection:
        counted = totals(connection, planned.interval_id)
    assert counted.by_status == {CallStatus.ACCEPTED: 1, CallStatus.PENDING: 1}


def test_a_later_run_finds_it_planned_already(ledger: Ledger) -> None:
    _know(ledger, "a")
    _plan(ledger, _frame(("a", _number(1))))
    again = _plan(ledger, _frame(("a", _number(1))), run_id="run-2")
    assert (again.reported, again.already_planned, again.planned) == (0, 1, 0)


def test_the_call_of_another_interval_or_campaign_is_another_call(ledger: Ledger) -> None:
    _know(ledger, "a")
    assert _plan(ledger, _frame(("a", _number(1))), key="day 2").planned == 1
    assert _plan(ledger, _frame(("a", _number(1))), campaign="another").planned == 1


def test_its_numbers_count_against_the_frequency_limit_at_once_and_later(ledger: Ledger) -> None:
    _know(ledger, "z")
    first = _plan(ledger, _frame(("a", _number(1)), ("z", _number(1))))
    assert _told(ledger, first.interval_id) == {"z": _NOTED, "a": "same number as z in this run"}
    later = _plan(ledger, _frame(("b", _number(1))), key="day 2")
    assert _told(ledger, later.interval_id) == {"b": "called on 2026-11-24 by trial"}
    tomorrow = _plan(ledger, _frame(("c", _number(1)), at="2026-11-25T12:00"), key="day 3")
    assert tomorrow.planned == 1


def test_a_number_that_was_called_often_enough_leaves_it_accepted(ledger: Ledger) -> None:
    _plan(ledger, _frame(("a", _number(1))), key="day 0")
    _know(ledger, "b")
    planned = _plan(ledger, _frame(("b", _number(1))))
    assert _told(ledger, planned.interval_id) == {"b": _NOTED}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (_frame(("a", "12")), "number: too short"),
        (_frame(("a", _number(1)), at="noon"), "start_at: "),
    ],
)
def test_a_call_whose_row_is_bad_by_now_is_accepted_all_the_same(
    ledger: Ledger, bad: pd.DataFrame, reason: str
) -> None:
    other = _plan(ledger, bad, key="day 2")
    assert _told(ledger, other.interval_id)["a"].startswith(reason)
    _know(ledger, "a")
    planned = _plan(ledger, bad, _frame(("b", "13")))
    assert (planned.reported, planned.invalid) == (1, 1)
    row = _shown(ledger, planned.interval_id)["a"]
    assert (row["status"], row["reason"], row["phonon_uuid"]) == ("accepted", _NOTED, "uuid of a")


def test_an_id_that_comes_again_is_a_repetition_in_the_same_chunk_and_in_a_later_one(ledger: Ledger) -> None:
    _know(ledger, "a")
    chunks = [_frame(("a", _number(1)), ("a", "12")), _frame(("a", "12")), _frame(("a", _number(2)))]
    planned = _plan(ledger, *chunks)
    assert (planned.reported, planned.invalid, planned.planned) == (1, 3, 0)


def test_a_dry_run_shows_it_as_what_it_is(ledger: Ledger) -> None:
    _know(ledger, "a")
    planned = _plan(ledger, _frame(("a", _number(1)), ("b", _number(2))), dry_run=True)
    assert _told(ledger, planned.interval_id) == {"a": _NOTED, "b": "dry run"}


def test_it_counts_for_the_interval_and_not_for_the_run(ledger: Ledger) -> None:
    rows = [(name, _number(i)) for i, name in enumerate("abcd")]
    _know(ledger, "d")
    planned = _plan(ledger, _frame(*rows), max_calls=3)
    told = _told(ledger, planned.interval_id)
    assert told == {"d": _NOTED, "a": "pending", "b": "pending", "c": "over max_calls"}
    _know(ledger, "d", key="day 2")
    limited = _plan(ledger, _frame(*rows), key="day 2", limit=2, per_number=None)
    told = _told(ledger, limited.interval_id)
    assert told == {"d": _NOTED, "a": "pending", "b": "pending", "c": "over limit"}
    _know(ledger, "test:1", key="day 3")
    tested = _plan(ledger, _frame(*rows), key="day 3", test_numbers=[_number(9000), _number(9001)])
    told = _told(ledger, tested.interval_id)
    assert told == {"test:1": _NOTED, "test:2": "pending"}
    assert _shown(ledger, tested.interval_id)["test:2"]["number_last4"] == "9001"


def test_calls_of_one_request_are_one_batch_of_at_most_what_a_request_holds(ledger: Ledger) -> None:
    people = [(f"C{i}", _number(i)) for i in range(MAX_CALLS + 20)]
    _know(ledger, *(name for name, _ in people[10:]))
    _know(ledger, *(name for name, _ in people[:10]), request_id=None)
    planned = _plan(ledger, _frame(*people))
    assert planned.reported == len(people)
    with ledger.transaction(read_only=True) as connection:
        rows = connection.execute(select(batches.c.request_id, batches.c.calls)).all()
    assert sorted(rows, key=str) == [("request", 10), ("request", MAX_CALLS), (None, 10)]


def test_its_number_is_erased_with_those_of_all_settled_batches(ledger: Ledger, clock: Clock) -> None:
    _know(ledger, "a")
    _plan(ledger, _frame(("a", _number(1))))
    clock.seconds += timedelta(days=2).total_seconds()
    with ledger.transaction() as connection:
        assert erase_settled(connection, before=clock.seconds - 60) == 1
        assert connection.execute(select(batches.c.frozen)).scalars().all() == [None]


_ID = st.sampled_from(["a", "b", "c", "d", " a ", "", None])
_MOBILE = st.sampled_from([_number(i) for i in range(4)] + ["12", None])
_CHUNKS = st.lists(st.lists(st.tuples(_ID, _MOBILE), max_size=5), max_size=4)
_OPTIONS = st.fixed_dictionaries(
    {
        "max_calls": st.sampled_from([None, 0, 2]),
        "limit": st.sampled_from([None, 0, 1]),
        "dry_run": st.booleans(),
        "per_number": st.sampled_from([None, PerNumber(), PerNumber(2, 3)]),
    }
)


@given(_CHUNKS, st.sets(st.sampled_from(["a", "b", "c", "d"])), _OPTIONS)
@settings(max_examples=40, deadline=None)
def test_whatever_the_rules_a_known_call_that_the_query_returns_is_accepted_and_every_row_shown_once(
    chunks: list[list[tuple[Any, Any]]], known: set[str], options: dict[str, Any]
) -> None:
    ledger = Ledger(URL.create("sqlite"), clock=Clock())
    _know(ledger, *known)
    planned = _plan(ledger, *(_frame(*rows) for rows in chunks), **options)
    counted = planned.planned + planned.invalid + planned.suppressed + planned.dry_run + planned.reported
    assert planned.rows_read == sum(map(len, chunks)) == counted
    shown = [row for chunk in result_rows(ledger, planned.interval_id, chunk_rows=100) for row in chunk]
    assert len(shown) == planned.rows_read
    returned = {name.strip() for rows in chunks for name, _ in rows if name and name.strip()}
    assert {row["contact_id"] for row in shown if row["status"] == "accepted"} == known & returned
    assert planned.reported == len(known & returned)
    ledger.close()


def test_a_planner_waits_for_whoever_notes_calls(ledger: Ledger, ledger_url: URL) -> None:
    own = Ledger(ledger_url, clock=Clock())
    with ThreadPoolExecutor(1) as pool:
        with ledger.transaction() as connection:
            stop_planning(connection)
            planning = pool.submit(_plan, own, _frame(("a", _number(1))))
            _wait_until_it_waits(connection)
            proofs = {client_identifier("trial", "day 1", "a"): Proof()}
            note(connection, proofs, Decision("asha", "disk broken", "cli:asha", NOON))
        planned = planning.result(_PATIENCE_SECONDS)
    own.close()
    assert (planned.reported, planned.planned) == (1, 0)


def test_whoever_notes_calls_waits_for_a_planner(ledger: Ledger, ledger_url: URL) -> None:
    own = Ledger(ledger_url, clock=Clock())

    def calls_to_hold() -> int:
        with own.transaction() as connection:
            stop_planning(connection)
            return open_batches(connection)[1]

    with ThreadPoolExecutor(1) as pool:
        with ledger.transaction() as connection:
            assert not any_noted(connection)
            holding = pool.submit(calls_to_hold)
            _wait_until_it_waits(connection)
            add_batch(connection, new_plan(connection), new_batch(["a", "b"]), NOON)
        assert holding.result(_PATIENCE_SECONDS) == 2
    own.close()


def _wait_until_it_waits(connection: Connection) -> None:
    """Wait for somebody to wait for the known calls; SQLite has them wait from the start, and does not say."""
    if connection.dialect.name != "postgresql":
        return
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST(:name AS regclass)")
    end = time.monotonic() + _PATIENCE_SECONDS
    while not connection.execute(waiting, {"name": known_calls.name}).scalar_one():
        assert time.monotonic() < end, "nobody waits"
        time.sleep(0.01)
