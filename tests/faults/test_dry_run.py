"""A dry run over an interval in which an earlier run has left calls: they stay for a real one."""

from __future__ import annotations

from collections.abc import Callable

from trial import Trial


def test_a_dry_run_sends_nothing_of_what_an_earlier_run_left(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=10)
    trial.extract()
    trial.run("dry-1", dry_run=True)
    assert trial.phonon.summary()["requests"] == 0
    assert trial.statuses() == {"pending": 10}
    trial.run("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 10}
