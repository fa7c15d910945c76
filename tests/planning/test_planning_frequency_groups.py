"""Campaigns that share a count of calls to a number."""

from __future__ import annotations

import logging
import multiprocessing
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, insert, make_url, select

from ledger.promises import NOON, Clock
from phonon.api.endpoints import Endpoint
from phonon.contacts.cleaning import ContactColumns
from phonon.ledger.report import result_rows
from phonon.ledger.schema import calls, intervals, number_uses
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planned, Planner
from phonon.planning.rules import PerNumber, PlanningRules
from planning.windows import ALWAYS, INDIA
from postgres_server import PostgresDatabase

COLUMNS = ContactColumns("id", ("mobile",))
DAY = timedelta(days=1).total_seconds()
REMINDERS = PerNumber(group="reminders")


def number(i: int) -> str:
    return f"9199999{i:05}"


def people(*numbers: int, chunk: int = 0) -> pd.DataFrame:
    names = [f"C{chunk}-{place}" for place in range(len(numbers))]
    return pd.DataFrame({"id": names, "mobile": [*map(number, numbers)]}, dtype=object)


def plan(
    ledger: Ledger, campaign: str, *chunks: pd.DataFrame, per_number: PerNumber = REMINDERS, key: str = "day 1"
) -> Planned:
    rules = PlanningRules(campaign, "abcdEF12", Endpoint.BULK, "1.0", ALWAYS, per_number=per_number)
    log = logging.getLogger("planning")
    return Planner(ledger, rules, COLUMNS, run_id="run-1", log=log).plan(key, chunks)


def reasons(ledger: Ledger, planned: Planned) -> set[str]:
    rows = [row for chunk in result_rows(ledger, planned.interval_id, chunk_rows=100) for row in chunk]
    return {row["reason"] or row["status"] for row in rows}


def test_campaigns_of_one_group_call_a_number_once_between_them(ledger: Ledger, clock: Clock) -> None:
    assert plan(ledger, "renewals", people(1, 2)).planned == 2
    second = plan(ledger, "surveys", people(1, 2, 3))
    assert (second.planned, second.suppressed) == (1, 2)
    assert reasons(ledger, second) == {"pending", "called on 2026-11-24 by renewals"}
    clock.seconds += DAY
    assert plan(ledger, "surveys", people(1, 2, 3), key="day 2").planned == 3


@pytest.mark.parametrize("per_number", [PerNumber(), PerNumber(group="others")])
def test_without_the_group_a_campaign_counts_for_itself(ledger: Ledger, per_number: PerNumber) -> None:
    plan(ledger, "renewals", people(1, 2))
    assert plan(ledger, "surveys", people(1, 2), per_number=per_number).planned == 2


def test_a_group_is_not_a_campaign_of_the_same_name(ledger: Ledger) -> None:
    assert plan(ledger, "reminders", people(1), per_number=PerNumber()).planned == 1
    assert plan(ledger, "renewals", people(1)).planned == 1
    assert plan(ledger, "reminders", people(1), per_number=PerNumber(), key="later").planned == 0


def test_a_campaign_without_a_group_counts_what_an_older_version_has_planned(ledger: Ledger) -> None:
    planned = plan(ledger, "renewals", people(1), per_number=PerNumber())
    with ledger.transaction() as connection:
        assert connection.execute(select(number_uses.c.scope)).scalars().all() == ["renewals"]
        older = {"number_hash": ledger.number_hash(number(2)), "contact_id": "C0-0", "scope": "renewals"}
        connection.execute(insert(number_uses).values(older | {"interval_id": planned.interval_id}))
    assert plan(ledger, "renewals", people(2), per_number=PerNumber(), key="later").planned == 0


def test_each_campaign_of_a_group_keeps_its_own_limit_on_the_shared_count(ledger: Ledger) -> None:
    often = PerNumber(calls=3, days=2, group="reminders")
    plan(ledger, "renewals", people(1))
    assert plan(ledger, "surveys", people(1), per_number=often).planned == 1
    assert plan(ledger, "renewals", people(1), key="later").planned == 0
    assert plan(ledger, "surveys", people(1), per_number=often, key="later").planned == 1
    assert plan(ledger, "surveys", people(1), per_number=often, key="latest").planned == 0


_RUN = st.tuples(
    st.sampled_from(["renewals", "surveys", "offers"]),
    st.integers(0, 4),
    st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=2),
)


@given(st.lists(_RUN, max_size=12), st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_no_number_is_called_more_often_than_the_group_allows_over_any_days(
    runs: list[tuple[str, int, list[list[int]]]], limit: int, days: int
) -> None:
    clock = Clock()
    ledger = Ledger(URL.create("sqlite"), clock=clock)
    per_number = PerNumber(limit, days, "reminders")
    for place, (campaign, day, chunks) in enumerate(runs):  # the days in any order: a run may be a backfill's
        clock.seconds = NOON + day * DAY
        frames = [people(*numbers, chunk=chunk) for chunk, numbers in enumerate(chunks)]
        plan(ledger, campaign, *frames, per_number=per_number, key=f"run {place}")
    dates = called_on(ledger)
    for called in dates.values():
        for first in called:
            assert sum(called[first + timedelta(days=later)] for later in range(days)) <= limit
    ledger.close()


def called_on(ledger: Ledger) -> dict[int, Counter[date]]:
    """On which days, in India, each number is called, by the number's hash."""
    same_interval = calls.c.interval_id == number_uses.c.interval_id
    same_call = same_interval & (calls.c.contact_id == number_uses.c.contact_id)
    found: dict[int, Counter[date]] = {}
    with ledger.transaction(read_only=True) as connection:
        query = select(number_uses.c.number_hash, calls.c.starts_at).join(calls, same_call)
        for row in connection.execute(query):
            day = datetime.fromtimestamp(row.starts_at, UTC).astimezone(INDIA).date()
            found.setdefault(row.number_hash, Counter())[day] += 1
    return found


CHUNKS, IN_CHUNK = 15, 20


def plan_in_a_process(url: str, campaign: str, gate: Any) -> None:
    ledger = Ledger(make_url(url), clock=Clock())
    gate.wait()
    chunks = [people(*range(chunk * IN_CHUNK, (chunk + 1) * IN_CHUNK), chunk=chunk) for chunk in range(CHUNKS)]
    plan(ledger, campaign, *chunks)
    ledger.close()


def test_processes_that_plan_campaigns_of_one_group_at_once_share_the_numbers(
    postgres_server: PostgresDatabase,
) -> None:
    processes = multiprocessing.get_context("forkserver")
    gate = processes.Manager().Barrier(3)
    names = ["renewals", "surveys", "offers"]
    url = make_url(postgres_server.url).render_as_string(hide_password=False)
    running = [processes.Process(target=plan_in_a_process, args=(url, name, gate)) for name in names]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0, 0, 0]
    ledger = Ledger(make_url(postgres_server.url), clock=Clock())
    with ledger.transaction(read_only=True) as connection:
        rows = connection.execute(select(intervals.c.campaign, intervals.c.id)).all()
    assert {row.campaign for row in rows} == set(names)
    assert {len(called) for called in called_on(ledger).values()} == {1}
    assert sorted(map(Counter.total, called_on(ledger).values())) == [1] * CHUNKS * IN_CHUNK
    ledger.close()


def test_the_scope_of_a_group_can_be_no_name_of_a_campaign() -> None:
    rules = PlanningRules("renewals", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS)
    assert rules.scope == "renewals"
    assert replace(rules, per_number=None).scope == "renewals"
    assert replace(rules, per_number=REMINDERS).scope == "group:reminders"
