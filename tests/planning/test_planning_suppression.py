"""Numbers that must not be called: of a suppress query and of the ledger's list, in any writing and any order."""

from __future__ import annotations

import logging
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select

from ledger.promises import NOON, Clock
from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.contacts.cleaning import ContactColumns
from phonon.errors import ConfigurationError
from phonon.ledger import do_not_call
from phonon.ledger.report import result_rows
from phonon.ledger.schema import batches
from phonon.ledger.settlements import Decision
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import withdraw_listed
from phonon.planning.planner import Planned, Planner
from phonon.planning.rules import PerNumber, PlanningRules
from phonon.planning.suppression import NumberSet, read_numbers
from planning.windows import ALWAYS
from trial import leaks

RULES = PlanningRules("trial", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS, per_number=None)
COLUMNS = ContactColumns("id", ("mobile", "other"))
LOG = logging.getLogger("planning")


def number(i: int) -> str:
    return f"9199999{i:05}"


def frame(*rows: tuple[str, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "mobile", "other"], dtype=object)


def column(*values: object) -> pd.DataFrame:
    return pd.DataFrame({"mobile": pd.Series(values, dtype=object)})


def number_set(*numbers: str) -> NumberSet:
    return read_numbers([column(*numbers)], LOG)


def plan(
    ledger: Ledger,
    chunks: Iterable[pd.DataFrame],
    *suppressed: str,
    run_id: str = "run-1",
    key: str = "day 1",
    **rules: Any,
) -> Planned:
    numbers = number_set(*suppressed)
    planner = Planner(ledger, replace(RULES, **rules), COLUMNS, run_id=run_id, log=LOG, suppressed=numbers)
    return planner.plan(key, chunks)


def put(ledger: Ledger, *numbers: str) -> None:
    with ledger.transaction() as connection:
        do_not_call.add(connection, [ledger.number_hash(each) for each in numbers], by="a", note="b", now=NOON)


def reasons(ledger: Ledger, planned: Planned) -> dict[str, str]:
    chunks = result_rows(ledger, planned.interval_id, chunk_rows=100)
    return {row["contact_id"]: row["reason"] or row["status"] for chunk in chunks for row in chunk}


def called(ledger: Ledger) -> dict[str, list[str]]:
    """The numbers of each call that waits to be sent, in the order of planning."""
    with ledger.transaction(read_only=True) as connection:
        query = select(batches.c.frozen).where(batches.c.state == BatchState.PENDING).order_by(batches.c.id)
        frozen = [thaw(zlib.decompress(each)) for each in connection.execute(query).scalars()]
    return {call["client-identifier"]: call["contact-numbers"] for batch in frozen for call in batch}


def test_numbers_are_read_in_any_usual_writing_as_text_or_integer() -> None:
    written = ["+91 99999 00001", "09999900002", 919999900003, 9999900004, "(99999) 000-05", 9999900006.0]
    numbers = read_numbers([column(*written[:3]), column(*written[3:])], LOG)
    assert len(numbers) == 6
    assert numbers.holds([number(i) for i in range(8)]).tolist() == [False, *[True] * 6, False]


def test_what_is_no_number_is_counted_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    numbers = read_numbers(
        [column("99999 0000", None, number(1)), column("nobody", "+1 202 555 0100", number(1))], LOG
    )
    assert len(numbers) == 1
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "suppress: 6 rows, 1 number not called",
        "suppress: no phone number in 4 rows: 1 missing, 1 too short, 1 not digits, 1 other country",
    ]
    assert not leaks(caplog.text)
    assert "99999 0000" not in caplog.text


def test_an_empty_query_suppresses_nobody() -> None:
    numbers = read_numbers([column()], LOG)
    assert numbers.holds([number(1)]).tolist() == [False]
    assert NumberSet().holds([]).tolist() == []


@pytest.mark.parametrize("names", [["id", "mobile"], ["a", "b", "c"]])
def test_a_query_with_more_than_one_column_is_refused_with_their_names(names: list[str]) -> None:
    chunk = pd.DataFrame([[number(1)] * len(names)], columns=names)
    with pytest.raises(ConfigurationError, match=f"returns {len(names)} columns: {', '.join(names)}") as error:
        read_numbers([chunk], LOG)
    assert not leaks(str(error.value))


_LOWEST, _HIGHEST = 916_000_000_000, 919_999_999_999
_ANY = st.integers(_LOWEST, _HIGHEST).map(str)


@given(st.lists(_ANY), st.lists(_ANY), st.sampled_from([1, 3, 100]))
@settings(deadline=None)
def test_a_set_holds_exactly_the_numbers_that_were_read(inside: list[str], others: list[str], size: int) -> None:
    listed = [*inside, str(_LOWEST), str(_HIGHEST)]
    chunks = [column(*listed[start : start + size]) for start in range(0, len(listed), size)]
    asked = [*listed, *others, str(_LOWEST + 1), str(_HIGHEST - 1)]
    found = read_numbers(chunks, LOG).holds(asked).tolist()
    assert found == [each in set(listed) for each in asked]


def test_a_quarter_of_a_million_numbers_take_few_bytes_each() -> None:
    def chunks() -> Iterator[pd.DataFrame]:
        for start in range(0, 250_000, 10_000):
            yield pd.DataFrame({"mobile": range(919_000_000_000 + start, 919_000_010_000 + start)})

    tracemalloc.start()
    try:
        numbers = read_numbers(chunks(), LOG)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(numbers) == 250_000
    assert kept < 250_000 * 8 + 1_000_000
    assert peak < 250_000 * 12 + 10_000_000  # what is kept, its parts, and a chunk as objects


def test_a_listed_number_is_left_out_and_a_contact_without_another_is_suppressed(ledger: Ledger) -> None:
    put(ledger, number(4))
    people = frame(
        ("a", number(1), None),
        ("b", number(1), number(2)),
        ("c", number(4), number(3)),
        ("d", number(4), number(1)),
    )
    planned = plan(ledger, [people], number(1))
    assert (planned.planned, planned.suppressed) == (2, 2)
    assert reasons(ledger, planned) == {"a": "do not call", "b": "pending", "c": "pending", "d": "do not call"}
    assert sorted(called(ledger).values()) == [[number(2)], [number(3)]]
    shown = [row for chunk in result_rows(ledger, planned.interval_id, chunk_rows=100) for row in chunk]
    assert {row["contact_id"]: row["number_last4"] for row in shown} == {
        "a": "0001",
        "b": "0002",
        "c": "0003",
        "d": "0004",
    }


def test_a_number_that_is_not_called_does_not_use_up_a_limit(ledger: Ledger) -> None:
    people = frame(("a", number(1), number(2)), ("b", number(2), None))
    planned = plan(ledger, [people], number(2), per_number=PerNumber())
    assert reasons(ledger, planned) == {"a": "pending", "b": "do not call"}
    later = plan(ledger, [people], key="later", per_number=PerNumber())
    assert reasons(ledger, later) == {"a": "pending", "b": "same number as a in this run"}


def test_a_dry_run_suppresses_and_a_test_run_does_not(ledger: Ledger) -> None:
    put(ledger, number(2), number(9))
    people = frame(("a", number(1), None), ("b", number(2), None), ("c", number(3), None))
    dry = plan(ledger, [people], number(1), key="dry", dry_run=True)
    assert reasons(ledger, dry) == {"a": "do not call", "b": "do not call", "c": "dry run"}
    tried = plan(ledger, [people], number(1), key="try", test_numbers=[number(9)] * 2)
    assert reasons(ledger, tried) == {"test:1": "pending", "test:2": "pending"}
    assert list(called(ledger).values()) == [[number(9)]] * 2


_NUMBERS = [number(i) for i in range(6)]
_SOME = st.lists(st.sampled_from(_NUMBERS), max_size=4)
_PEOPLE = st.lists(st.tuples(st.sampled_from(_NUMBERS), st.sampled_from([*_NUMBERS, None])), min_size=1, max_size=8)
_STEP = st.one_of(
    st.tuples(st.just("plan"), _PEOPLE, _SOME),
    st.tuples(st.just("add"), _SOME, st.none()),
    st.tuples(st.just("remove"), _SOME, st.none()),
)


@given(st.lists(_STEP, max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_the_order_no_planned_call_has_a_number_that_is_listed(steps: list[tuple[str, Any, Any]]) -> None:
    ledger = Ledger(URL.create("sqlite"), clock=Clock())
    listed: set[str] = set()
    for place, (what, first, second) in enumerate(steps):
        if what == "plan":
            people = frame(*((f"C{i}", *numbers) for i, numbers in enumerate(first)))
            before = called(ledger)
            planned = plan(ledger, [people], *second, key=f"interval {place}")
            forbidden = listed | set(second)
            new = {name: numbers for name, numbers in called(ledger).items() if name not in before}
            wanted = [[each for each in dict.fromkeys(row) if each and each not in forbidden] for row in first]
            assert list(new.values()) == [numbers for numbers in wanted if numbers]
            assert list(reasons(ledger, planned).values()).count("do not call") == wanted.count([])
        elif what == "add":
            put(ledger, *first)
            listed |= set(first)
            withdraw_listed(ledger, Decision("a", "b", "cli:a", NOON))
        else:
            with ledger.transaction() as connection:
                hashes = [ledger.number_hash(each) for each in first]
                do_not_call.remove(connection, hashes, by="a", note="b", now=NOON)
            listed -= set(first)
        assert not listed & {each for numbers in called(ledger).values() for each in numbers}
    ledger.close()


def test_a_number_that_is_added_while_a_run_plans_is_not_called(ledger: Ledger, ledger_url: URL) -> None:
    chunks = 30
    half_way = Event()

    def people() -> Iterator[pd.DataFrame]:
        for chunk in range(chunks):
            if chunk == chunks // 3:
                half_way.set()
            yield frame(*((f"C{chunk}-{i}", number(i), None) for i in range(40)))

    def add() -> None:
        half_way.wait(60)
        other = Ledger(ledger_url, clock=Clock())
        put(other, number(7), number(8))
        withdraw_listed(other, Decision("a", "b", "cli:a", NOON))
        other.close()

    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(add)
        planned = plan(ledger, people(), calls_per_batch=10)
        adding.result()
    shown = reasons(ledger, planned)
    assert len(shown) == chunks * 40
    listed = {name for name, reason in shown.items() if reason == "do not call"}
    assert listed == {f"C{chunk}-{i}" for chunk in range(chunks) for i in (7, 8)}
    assert not {number(7), number(8)} & {each for numbers in called(ledger).values() for each in numbers}


def test_two_runs_over_one_interval_keep_what_was_taken_back_between_them(ledger: Ledger) -> None:
    people = [frame(*((f"C{i}", number(i), None) for i in range(5)))]
    plan(ledger, people)
    put(ledger, number(2))
    withdraw_listed(ledger, Decision("a", "b", "cli:a", NOON))
    again = plan(ledger, people, run_id="run-2")
    assert (again.planned, again.already_planned, again.suppressed) == (0, 4, 1)
    assert reasons(ledger, again) == {f"C{i}": "do not call" if i == 2 else "pending" for i in range(5)}
