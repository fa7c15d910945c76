"""What the ledger forgets, and what it must not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import URL, Table, func, select

from ledger.promises import (
    NOON,
    Clock,
    accepted,
    new_batch,
    new_plan,
    plan_batches,
    refused_whole,
    sendable,
    settle,
    take_all,
)
from phonon.api.endpoints import Endpoint
from phonon.errors import ConfigurationError
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import Reject, add_batch, add_rejects, claimed_contacts, count_uses, finish_plan
from phonon.ledger.report import run_figures, totals
from phonon.ledger.retention import Forgotten, Retention, forget, note_look_back
from phonon.ledger.schema import batches, number_uses, rejects, sends
from phonon.ledger.space import bytes_used, give_back
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger

DAY = 24 * 3600.0
NOTHING = Forgotten(0, 0, 0, 0)
PLENTY = RateLimit(Endpoint.BULK, "account", 1_000_000)


def counted(ledger: Ledger, table: Table) -> int:
    with ledger.transaction(read_only=True) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def planned(ledger: Ledger, names: Sequence[str], *, key: str = "day 1", hashes: Sequence[int] = (11, 12)) -> int:
    """Plan one batch; gives its interval."""
    with ledger.transaction() as connection:
        plan = new_plan(connection, key=key)
        add_batch(connection, plan, new_batch(names, number_hashes=hashes), NOON)
        finish_plan(connection, plan, rows_read=len(names), planned=len(names), now=NOON)
    return plan.interval_id


def called(ledger: Ledger, names: Sequence[str], *, key: str = "day 1") -> int:
    """Plan one batch and have it accepted; gives its interval."""
    interval = planned(ledger, names, key=key)
    settle(ledger, *map(accepted, take_all(ledger, sendable(ledger, interval), limit=PLENTY)))
    return interval


def test_nothing_is_forgotten_before_its_time(ledger: Ledger, clock: Clock) -> None:
    called(ledger, ["C1", "C2"])
    clock.seconds += 6 * DAY
    assert forget(ledger, Retention()) == NOTHING


def test_numbers_hashes_and_sends_are_forgotten_each_after_its_time(ledger: Ledger, clock: Clock) -> None:
    called(ledger, ["C1", "C2"])
    clock.seconds += 8 * DAY
    assert forget(ledger, Retention()) == Forgotten(numbers=1, hashes=0, sends=0, rejects=0)
    clock.seconds += 393 * DAY
    assert forget(ledger, Retention()) == Forgotten(numbers=0, hashes=4, sends=1, rejects=0)
    assert forget(ledger, Retention()) == NOTHING


def test_who_was_called_and_what_came_of_it_is_never_forgotten(ledger: Ledger, clock: Clock) -> None:
    interval = called(ledger, ["C1", "C2"])
    clock.seconds += 5000 * DAY
    forget(ledger, Retention(numbers=1, hashes=1, sends=1))
    with ledger.transaction() as connection:
        plan = new_plan(connection, "run-2")
        assert plan.interval_id == interval
        assert set(claimed_contacts(connection, plan, ["C1", "C2", "C3"])) == {"C1", "C2"}
        assert totals(connection, interval).by_status == {CallStatus.ACCEPTED: 2}


def test_a_limit_that_looks_back_further_keeps_the_hashes_it_needs(ledger: Ledger, clock: Clock) -> None:
    called(ledger, ["C1"])
    with ledger.transaction() as connection:
        note_look_back(connection, 500)
        note_look_back(connection, 7)
    clock.seconds += 499 * DAY
    assert forget(ledger, Retention(hashes=1)).hashes == 0
    with ledger.transaction() as connection:
        assert count_uses(connection, "trial", [11], clock.seconds - 500 * DAY) == {11: 1}
    clock.seconds += 5 * DAY
    assert forget(ledger, Retention(hashes=1)).hashes == 2


@pytest.mark.parametrize("state", ["planned", "being sent", "refused as a whole"])
def test_a_batch_that_may_still_be_sent_keeps_everything(ledger: Ledger, clock: Clock, state: str) -> None:
    interval = planned(ledger, ["C1"])
    if state != "planned":
        taken = take_all(ledger, sendable(ledger, interval))
        if state == "refused as a whole":
            settle(ledger, *map(refused_whole, taken))
    clock.seconds += 5000 * DAY
    assert forget(ledger, Retention(1, 1, 1)) == NOTHING
    with ledger.transaction(read_only=True) as connection:
        assert connection.execute(select(batches.c.frozen)).scalar_one() is not None


def test_only_the_hashes_of_intervals_that_are_over_go(ledger: Ledger, clock: Clock) -> None:
    called(ledger, ["C1"])
    planned(ledger, ["C2", "C3"], key="day 2")
    clock.seconds += 450 * DAY
    assert forget(ledger, Retention()).hashes == 2
    assert counted(ledger, number_uses) == 4


def test_a_run_keeps_its_figures_as_long_as_its_sends(ledger: Ledger, clock: Clock) -> None:
    interval = called(ledger, ["C1"])
    clock.seconds += 399 * DAY
    forget(ledger, Retention())
    with ledger.transaction() as connection:
        assert run_figures(connection, interval, "run-1").requests == 1
    assert counted(ledger, sends) == 1


def test_rejects_of_a_plan_that_a_newer_one_replaced_go_and_those_of_the_newest_stay(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        older, newer = new_plan(connection, "run-1"), new_plan(connection, "run-2")
        finish_plan(connection, newer, rows_read=1, planned=0, now=NOON)
        for plan in (older, newer):
            add_rejects(connection, plan, [Reject(0, "C1", CallStatus.INVALID, "number: too short", None)])
        finish_plan(connection, older, rows_read=1, planned=0, now=NOON)
        going_on = new_plan(connection, "run-0", key="day 2")
        add_rejects(connection, going_on, [Reject(0, "C1", CallStatus.INVALID, "number: too short", None)])
        finish_plan(connection, new_plan(connection, key="day 2"), rows_read=1, planned=0, now=NOON)
        add_rejects(connection, going_on, [Reject(1, "C2", CallStatus.INVALID, "number: too short", None)])
    assert forget(ledger, Retention()).rejects == 1
    with ledger.transaction(read_only=True) as connection:
        assert connection.execute(select(rejects.c.plan_id).order_by(rejects.c.plan_id)).scalars().all() == [
            newer.id,
            going_on.id,
        ]


def filled(ledger: Ledger, clock: Clock) -> None:
    """Have the ledger hold some megabytes that it may forget."""
    for start in range(0, 30_000, 3000):
        called(ledger, [f"C{number}" for number in range(start, start + 3000)], key=f"day {start}")
    clock.seconds += 450 * DAY


def test_a_file_gets_smaller_without_being_written_anew(clock: Clock, tmp_path: Path) -> None:
    ledger = Ledger(URL.create("sqlite", database=str(tmp_path / "ledger.db")), clock=clock)
    filled(ledger, clock)
    forget(ledger, Retention())
    before = bytes_used(ledger)
    give_back(ledger)
    assert bytes_used(ledger) < before * 0.9
    assert (tmp_path / "ledger.db").stat().st_size == bytes_used(ledger)
    ledger.close()


def test_room_is_given_back_on_each_database_and_the_ledger_goes_on(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [2])
    give_back(ledger)
    give_back(ledger, whole=True)
    assert bytes_used(ledger) > 0
    assert settle(ledger, *map(accepted, take_all(ledger, sendable(ledger, interval)))) == []


def test_the_ledger_is_not_written_anew_while_calls_are_being_sent(ledger: Ledger) -> None:
    take_all(ledger, sendable(ledger, plan_batches(ledger, [2])))
    with pytest.raises(ConfigurationError, match=r"Calls are being sent.*Pause everything"):
        give_back(ledger, whole=True)
    give_back(ledger)
