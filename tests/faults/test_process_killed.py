"""A sender is killed with SIGKILL at each labelled point; the run is repeated; the books must agree."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from phonon.dispatch.points import Point
from trial import Trial, leaks


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
@pytest.mark.parametrize("point", list(Point))
@pytest.mark.parametrize("time", [1, 3])
def test_a_killed_sender_is_taken_over_without_calling_anyone_twice(
    new_trial: Callable[..., Trial], endpoint: str, point: Point, time: int
) -> None:
    trial = new_trial(endpoint=endpoint)
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


def test_a_killed_planner_is_taken_over_and_plans_nobody_twice(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial()
    trial.extract("run-1")
    planned = trial.extract("run-1")
    assert (planned.planned, planned.already_planned) == (0, trial.contacts)
    trial.trigger("run-1")
    trial.push("run-1")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": trial.contacts}
