"""Answers that do not come, or say nothing: never twice, never lost, on either endpoint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulator import Fault, Kind, When
from trial import Trial

_LOST = {
    "reset before the body": Fault(Kind.RESET, when=When.BEFORE_BODY),
    "reset before acceptance": Fault(Kind.RESET, when=When.BEFORE),
    "reset after acceptance": Fault(Kind.RESET, when=When.AFTER),
    "no answer, not accepted": Fault(Kind.NO_ANSWER, when=When.BEFORE),
    "no answer, accepted": Fault(Kind.NO_ANSWER, when=When.AFTER),
    "half an answer": Fault(Kind.HALF_ANSWER),
    "half a JSON": Fault(Kind.HALF_ANSWER, announce_whole=False),
    "empty, accepted": Fault(Kind.EMPTY, when=When.AFTER),
    "HTML, accepted": Fault(Kind.HTML, when=When.AFTER),
    "502 after acceptance": Fault(Kind.STATUS, status=502, body="Bad Gateway", when=When.AFTER),
    "502 before acceptance": Fault(Kind.STATUS, status=502, body="Bad Gateway", when=When.BEFORE),
    "code 500, accepted": Fault(Kind.CODE, code=500, accept=True),
    "code 500, not accepted": Fault(Kind.CODE, code=500),
    "an unknown code, accepted": Fault(Kind.CODE, code=299, accept=True),
}


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
@pytest.mark.parametrize("fault", list(_LOST))
@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_the_books_agree_after(new_trial: Callable[..., Trial], fault: str, endpoint: str) -> None:
    trial = new_trial(endpoint=endpoint)
    trial.phonon.inject(_LOST[fault])
    trial.run()
    trial.assert_books_agree()
    statuses = trial.statuses()
    if endpoint == "bulk" or fault == "code 500, accepted":
        assert statuses == {"accepted": 50, "held": 10}
    else:
        assert statuses["accepted"] + statuses["accepted_earlier"] == trial.contacts


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_bulk_may_be_told_to_resend_the_same_bytes(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(keys={"on_unknown": {"bulk": "resend"}})
    trial.phonon.inject(Fault(Kind.NO_ANSWER, when=When.AFTER))
    trial.run()
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": trial.contacts}
    assert trial.phonon.summary()["dropped_repeats"] == 10


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_batch_that_is_never_answered_is_held_in_the_end_and_found_again(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(endpoint="realtime", contacts=5)
    trial.phonon.inject(Fault(Kind.RESET, when=When.AFTER, times=None))
    sent = trial.run()
    trial.assert_books_agree()
    assert trial.statuses() == {"held": 5}
    assert [batch.calls for batch in sent.held] == [5]
    trial.phonon.clear_faults()
    trial.run("run-2")
    assert trial.statuses() == {"held": 5}, "what is held waits for a person"
