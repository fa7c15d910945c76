"""A sender is killed with SIGKILL at each labelled point; the run is repeated; the books must agree."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from phonon.dispatch.points import Point
from phonon.ledger.schema import calls
from phonon.ledger.store import Ledger
from simulator import BulkRepeat
from trial import Trial, leaks


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
@pytest.mark.parametrize("point", list(Point))
@pytest.mark.parametrize("time", [1, 3])
def test_a_killed_sender_is_taken_over_without_calling_anyone_twice(
    new_trial: Callable[..., Trial], endpoint: str, point: Point, time: int
) -> None:
    trial = new_trial(endpoint=endpoint, phonon={"bulk_repeat": BulkRepeat.FORGET})
    trial.extract()
    process = trial.process("trigger", "run-1", die_at=point, time=time)
    exit_code, output = process.finish()
    assert exit_code == -signal.SIGKILL, output
    assert not leaks(output)

    trial.push()
    trial.assert_books_agree()

    trial.run("run-2")

    trial.assert_books_agree()
    statuses = trial.statuses()
    assert statuses["pending"] == 0
    if endpoint == "realtime":
        assert statuses["accepted"] + statuses["accepted_earlier"] == trial.contacts
    else:  # what was in flight may have arrived, and bulk may not notice a repetition: a person decides
        assert statuses["accepted"] + statuses["held"] == trial.contacts
        assert statuses["held"] <= 4 * 10


def test_a_killed_planner_is_taken_over_and_plans_the_rest_once(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=50_000)
    ledger = Ledger(trial.ledger_url)
    process = trial.process("extract", "run-1")
    while not _claimed(ledger):  # until the first chunk is committed; four are left
        assert process.process.is_alive()
    process.process.kill()
    assert process.finish()[0] == -signal.SIGKILL

    planned = trial.extract("run-2")

    assert planned.already_planned > 0
    assert planned.planned > 0
    assert planned.already_planned + planned.planned == trial.contacts == _claimed(ledger)
    ledger.close()


def _claimed(ledger: Ledger) -> int:
    with ledger.transaction(read_only=True) as connection:
        return connection.execute(select(func.count()).select_from(calls)).scalar_one()
