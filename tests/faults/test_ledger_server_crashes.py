"""The ledger's PostgreSQL server crashes while calls are sent; it comes back at once, or after the step failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from faults.interrupted_postgres import CrashTrial, InterruptedPostgres
from faults.moments import Observed, at_the_second
from phonon.dispatch.points import Point
from simulator import BulkRepeat, Settings
from simulator.running import running
from trial import Trial, leaks


@pytest.fixture(scope="module")
def server() -> Iterator[InterruptedPostgres]:
    server = InterruptedPostgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def trial(server: InterruptedPostgres, tmp_path: Path, endpoint: str, point: Point) -> Iterator[CrashTrial]:
    database = server.create_database()
    settings = Settings(bulk_per_minute=600, realtime_per_minute=600, bulk_repeat=BulkRepeat.FORGET)
    with running(settings) as phonon:
        yield CrashTrial(tmp_path, phonon, make_url(database.url), endpoint=endpoint, server=server, point=point)
    server.drop_database(database)


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
@pytest.mark.parametrize("point", list(Point))
def test_a_sender_whose_ledger_is_gone_fails_and_the_next_run_finishes(
    trial: CrashTrial, server: InterruptedPostgres
) -> None:
    trial.extract()
    process = trial.process("trigger_and_crash", "run-1")
    exit_code, output = process.finish()
    server.start_again()

    assert exit_code == 1
    assert re.search(r"LedgerError: [^\n]*\nThe ledger at", output), "the remedy first"
    assert not leaks(output)
    trial.push()
    trial.assert_books_agree()
    trial.run("run-2")
    _assert_finished(trial)


# Not while answers arrive: the sender may be in a transaction then, and fails.
@pytest.mark.parametrize("endpoint", ["bulk"])
@pytest.mark.parametrize("point", [point for point in Point if point is not Point.AFTER_ANSWER])
def test_a_sender_whose_ledger_comes_back_at_once_goes_on(
    trial: CrashTrial, server: InterruptedPostgres, observed: Observed
) -> None:
    def restart() -> None:
        server.crash()
        server.start_again()

    trial.extract()
    observed(at_the_second(trial.point, restart))

    assert trial.trigger().stopped is None

    trial.push()
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": trial.contacts}


def _assert_finished(trial: Trial) -> None:
    trial.assert_books_agree()
    statuses = trial.statuses()
    if trial.endpoint == "realtime":
        assert statuses["accepted"] + statuses["accepted_earlier"] == trial.contacts
    else:
        assert statuses["accepted"] + statuses["held"] == trial.contacts
        assert statuses["held"] <= 4 * 10
