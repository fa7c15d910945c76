"""Runs whose batches are all answered by a failure that proves nothing: when they go on, and when they stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phonon.dispatch.dispatcher import Stop
from simulator import Fault, Kind
from trial import Trial

NewTrial = Callable[..., Trial]

_FAILURES = pytest.mark.parametrize(
    "failure", [{"kind": Kind.STATUS, "status": 500}, {"kind": Kind.CODE, "code": 500}]
)
only_sqlite = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
_UNLIMITED = {"bulk_per_minute": 0}


def _failing(new_trial: NewTrial, failure: dict[str, Any], *, batches: int) -> Trial:
    """A campaign of so many batches of 10 calls, at a Phonon that only fails."""
    trial = new_trial(contacts=10 * batches, phonon=_UNLIMITED)
    trial.phonon.inject(Fault(**failure, times=None))
    return trial


@_FAILURES
def test_a_run_of_twenty_batches_that_only_fail_goes_on_to_its_end(
    new_trial: NewTrial, failure: dict[str, Any]
) -> None:
    trial = _failing(new_trial, failure, batches=20)
    sent = trial.run()
    assert sent.stopped is None
    assert trial.statuses() == {"held": 200}
    assert trial.phonon.summary()["requests"] == 20
    trial.assert_books_agree()


@only_sqlite
@pytest.mark.parametrize(("batches", "pending"), [(25, 0), (26, 10)])
def test_a_run_stops_after_twenty_five_of_them_if_that_leaves_something_to_send(
    new_trial: NewTrial, batches: int, pending: int
) -> None:
    trial = _failing(new_trial, {"kind": Kind.CODE, "code": 500}, batches=batches)
    sent = trial.run()
    assert (sent.stopped is not None) == (pending > 0)
    assert sent.stopped is None or sent.stopped.stop is Stop.UNCLEAR
    assert sent.pending == pending
    assert trial.statuses()["held"] == 250
