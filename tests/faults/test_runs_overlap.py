"""Several runs over one interval: at once, after a clear, as a backfill."""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
import pytest

from simulator import Fault, Kind, When
from trial import Trial, leaks, new_gate


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
def test_two_runs_at_once_share_the_work_and_call_nobody_twice(
    new_trial: Callable[..., Trial], endpoint: str
) -> None:
    trial = new_trial(endpoint=endpoint, contacts=200, phonon={"delay_seconds": 0.02})
    trial.extract()
    gate = new_gate(2)
    processes = [trial.process("trigger", run_id, gate=gate) for run_id in ("run-1", "run-2")]
    for process in processes:
        exit_code, output = process.finish()
        assert exit_code == 0, output
        assert not leaks(output)
    trial.push()
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 200}


def test_two_runs_that_plan_at_once_claim_every_contact_once(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=300)
    gate = new_gate(2)
    processes = [trial.process("extract", run_id, gate=gate) for run_id in ("run-1", "run-2")]
    for process in processes:
        exit_code, output = process.finish()
        assert exit_code == 0, output
    trial.trigger("run-2")
    trial.push("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 300}


def test_a_cleared_run_sends_nothing_again(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial()
    trial.run()
    requests = trial.phonon.summary()["requests"]
    trial.trigger()
    trial.push()
    assert trial.phonon.summary()["requests"] == requests
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": trial.contacts}


def test_a_backfill_over_the_same_interval_plans_only_what_is_new(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=30)
    trial.run("scheduled-1", run_type="scheduled")
    with duckdb.connect(str(trial.warehouse_file)) as connection:
        connection.execute("INSERT INTO people VALUES ('new', '9999977777', 'Ravi')")
    trial.run("backfill-1", run_type="backfill")
    trial.assert_books_agree(rows=31)
    assert {row["run_id"] for row in trial.results()} == {"scheduled-1", "backfill-1"}
    assert [run["planned"] for run in trial.runs()] == [30, 1]
    assert [run["rows_read"] for run in trial.runs()] == [30, 31]


def test_a_run_that_was_stopped_is_taken_up_by_the_next(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial()
    trial.phonon.inject(Fault(Kind.CODE, code=212, skip=3, times=None))
    sent = trial.run()
    assert sent.stopped is not None
    trial.assert_books_agree()
    assert trial.statuses()["pending"] > 0
    trial.phonon.clear_faults()
    trial.run("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": trial.contacts}


def test_a_second_interval_on_the_same_day_calls_nobody(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial()
    trial.run()
    trial.interval_key = "manual__second_click"
    trial.run("run-2")
    assert trial.statuses() == {"suppressed": trial.contacts}
    [reason] = {row["reason"] for row in trial.results()}
    assert re.fullmatch(r"called on \d{4}-\d\d-\d\d by trial", reason)


def test_an_outcome_that_comes_after_a_takeover_is_not_recorded(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(endpoint="realtime", contacts=10, extra={"timeout": {"connect": 2, "read": 20}})
    trial.extract()
    trial.phonon.inject(Fault(Kind.SLOW, seconds=3, when=When.AFTER))
    slow = trial.process("trigger", "run-1")
    while not trial.phonon.accepted():
        pass
    _end_all_leases(trial)
    trial.trigger("run-2")
    _, output = slow.finish()
    assert "taken over by another sender" in output
    trial.push("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted_earlier": 10}


def _end_all_leases(trial: Trial) -> None:
    """As if the first sender had been suspended for longer than its lease."""
    from sqlalchemy import update  # noqa: PLC0415 - for this one only

    from phonon.ledger.schema import batches  # noqa: PLC0415 - for this one only
    from phonon.ledger.store import Ledger  # noqa: PLC0415 - for this one only

    ledger = Ledger(trial.ledger_url)
    with ledger.transaction() as connection:
        connection.execute(update(batches).where(batches.c.state == "sending").values(lease_until=0))
    ledger.close()
