"""The table of runs: each row's counts are of that run, and all of them together are the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.review.desk import Person, ReviewDesk
from simulator import Fault, Kind
from trial import Trial

ASHA = Person("asha", "phonon_held_batches 1")


def assert_books_agree(trial: Trial) -> dict[str, dict[str, Any]]:
    """Hold the rows of the runs against those of the contacts; gives the former by run."""
    runs = {row["run_id"]: row for row in trial.runs()}
    for row in runs.values():
        assert sum(row[status.value] for status in CallStatus) + row["counted_elsewhere"] == row["rows_read"]
    together = Counter({status.value: sum(row[status.value] for row in runs.values()) for status in CallStatus})
    assert +together == trial.statuses()
    return runs


def test_a_run_that_plans_nothing_new_counts_nobody_again(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=12)
    trial.run("run-1")
    trial.run("run-2")
    runs = assert_books_agree(trial)
    assert (runs["run-1"]["rows_read"], runs["run-1"]["accepted"]) == (12, 12)
    again = runs["run-2"]
    assert (again["rows_read"], again["planned"], again["counted_elsewhere"], again["requests"]) == (12, 0, 12, 0)


def test_what_a_run_left_stays_its_own_when_another_sends_it(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=12)
    trial.extract("run-1")
    trial.run("run-2")
    runs = assert_books_agree(trial)
    assert (runs["run-1"]["accepted"], runs["run-1"]["requests"], runs["run-1"]["outcome"]) == (12, 0, "unfinished")
    assert (runs["run-2"]["accepted"], runs["run-2"]["requests"] > 0) == (0, True)

    trial.push("run-1")
    assert assert_books_agree(trial)["run-1"]["outcome"] == "completed"


def test_held_calls_that_are_settled_later_change_the_row_of_their_run(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=12)
    trial.phonon.inject(Fault(Kind.RESET, times=None))
    trial.run("run-1")
    assert assert_books_agree(trial)["run-1"]["held"] == 12
    trial.phonon.clear_faults()

    ledger = Ledger(trial.ledger_url)
    desk = ReviewDesk(ledger)
    first, *others = [case.batch_id for case in desk.waiting()]
    desk.release([first], "Phonon has nothing of it", ASHA)
    if others:
        desk.close(others, "too late", ASHA)
    trial.job(ASHA.run_id, ledger=ledger).push_results("completed", settles=True)
    assert assert_books_agree(trial).keys() == {"run-1"}

    trial.trigger(ASHA.run_id)
    trial.job(ASHA.run_id, ledger=ledger).push_results("completed", settles=True)
    ledger.close()
    runs = assert_books_agree(trial)
    assert runs["run-1"]["accepted"] > 0
    assert runs[ASHA.run_id]["outcome"] == "settled held batches: completed"
    assert (runs[ASHA.run_id]["requests"], runs[ASHA.run_id]["rows_read"], runs[ASHA.run_id]["planned"]) == (
        1,
        0,
        0,
    )


def test_a_rejected_run_has_planned_nothing(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=12, keys={"approval": {"above": 1}})
    trial.extract("run-1")
    ledger = Ledger(trial.ledger_url)
    trial.job("run-1", ledger=ledger).reject(ASHA, "rejected by asha")
    ledger.close()
    trial.push("run-1")
    row = assert_books_agree(trial)["run-1"]
    assert (row["rows_read"], row["planned"], row["suppressed"], row["outcome"]) == (12, 0, 12, "rejected")


def test_a_dry_and_a_test_run_say_that_they_are_such(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=12)
    trial.run("dry", dry_run=True)
    assert assert_books_agree(trial)["dry"]["dry_run"] == 12
    trial.run("real")
    runs = assert_books_agree(trial)
    assert (runs["dry"]["dry_run"], runs["dry"]["counted_elsewhere"], runs["real"]["accepted"]) == (0, 12, 12)

    trial.interval_key = "test:try"
    trial.run("try", test_numbers=("919999977777", "919999977778"))
    assert {row["contact_id"] for row in trial.results()} == {"test:1", "test:2"}
    tried = next(row for row in trial.runs() if row["run_id"] == "try")
    assert (tried["outcome"], tried["rows_read"], tried["accepted"]) == ("test run", 2, 2)
