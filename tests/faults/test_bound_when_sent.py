"""What Phonon never had follows the file and connection of now; what it may have had keeps its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from phonon.dispatch.dispatcher import Stop
from simulator import Fault, Kind
from trial import Trial

_WRONG, _RIGHT = "wrongAAA", "rightBBB"


def _with(trial: Trial, **keys: object) -> Trial:
    """The same trial after its campaign file was changed."""
    return replace(trial, keys={**trial.keys, **keys})


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
def test_a_mended_flow_mends_what_is_planned(new_trial: Callable[..., Trial], endpoint: str) -> None:
    trial = new_trial(endpoint=endpoint, keys={"flow_id": _WRONG}, phonon={"flow_ids": frozenset({_RIGHT})})
    stopped = trial.run().stopped
    assert stopped is not None
    assert (stopped.stop, stopped.code) == (Stop.FIX_CONFIGURATION, 301)
    mended = _with(trial, flow_id=_RIGHT)
    mended.trigger()
    mended.push()
    mended.assert_books_agree()
    assert mended.statuses() == {"accepted": trial.contacts}
    assert {row["flow_id"] for row in mended.results()} == {_RIGHT}


def test_the_api_version_is_the_connections_when_a_call_is_sent(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(extra={"api_version": "TEST"})
    trial.phonon.inject(Fault(Kind.CODE, code=203))
    assert trial.run().stopped is not None
    replace(trial, extra={"api_version": "1.0"}).trigger()
    assert {call.api_version for call in trial.phonon.accepted()} == {"1.0"}
    assert len(trial.phonon.accepted()) == trial.contacts


def test_a_test_run_stays_one_whatever_the_connection_says(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(options={"test_numbers": ("919999977777",)})
    trial.run()
    assert {call.api_version for call in trial.phonon.accepted()} == {"TEST"}


@pytest.mark.parametrize("die_at", ["after_take", "after_answer"])
def test_what_phonon_may_have_had_keeps_its_bytes(new_trial: Callable[..., Trial], die_at: str) -> None:
    trial = new_trial(endpoint="realtime", keys={"flow_id": _WRONG})
    trial.extract()
    exit_code, _ = trial.process("trigger", "run-1", die_at=die_at).finish()
    assert exit_code < 0
    changed = _with(trial, flow_id=_RIGHT)
    changed.trigger("run-2")
    changed.push("run-2")
    changed.assert_books_agree()
    assert set(changed.statuses()) <= {"accepted", "accepted_earlier"}
    flows = {call.client_identifier: call.flow_id for call in trial.phonon.accepted()}
    # The first batch of a run goes alone: it was being sent when the process died.
    assert sorted(flows.values()) == [_RIGHT] * (trial.contacts - 10) + [_WRONG] * 10
    assert {row["client_identifier"]: row["flow_id"] for row in changed.results()} == flows


def test_a_batch_that_is_split_takes_the_flow_of_now(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=10, keys={"flow_id": _WRONG})
    trial.extract()
    trial.phonon.inject(Fault(Kind.CODE, code=303))
    _with(trial, flow_id=_RIGHT).trigger()
    assert {call.flow_id for call in trial.phonon.accepted()} == {_RIGHT}
    assert len(trial.phonon.accepted()) == 10
