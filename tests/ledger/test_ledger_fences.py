"""Every change of a batch raises its fence, so that whoever read it before decides about nothing any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, select

from ledger.promises import NOON, plan_batches, sendable, settle, states, take_all
from phonon.api.request import freeze_objects, thaw
from phonon.api.verdict import Past
from phonon.dispatch.settlement import split
from phonon.ledger.outbox import Answered, Outcome
from phonon.ledger.schema import batches
from phonon.ledger.settlements import (
    Case,
    ChangedMeanwhileError,
    Decision,
    Proof,
    Renewal,
    accept,
    cases,
    close,
    frozen_batch,
    release,
)
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger

_SILENCE = Answered(sent=True, outcome="unknown")
_BAD = Answered(sent=True, outcome="split", http_status=200, code=205)
_ASHA = Decision("asha", "asked Phonon", "cli:asha", NOON)


def _release(connection: Connection, case: Case) -> None:
    objects = thaw(frozen_batch(connection, case).frozen)
    release(connection, case, Renewal(freeze_objects(objects), NOON, NOON + 7200, {}), _ASHA)


def _close(connection: Connection, case: Case) -> None:
    close(connection, case, _ASHA)


def _accept(connection: Connection, case: Case) -> None:
    accept(connection, case, {"ci-b0c0": Proof("request-1"), "ci-b0c1": Proof("request-1")}, _ASHA)


def _hold(ledger: Ledger) -> Case:
    [batch] = take_all(ledger, sendable(ledger, plan_batches(ledger, [2])))
    settle(ledger, Outcome(batch, BatchState.HELD, Past.UNANSWERED, "no answer", 1, _SILENCE))
    with ledger.transaction(read_only=True) as connection:
        [case] = cases(connection, [batch.id])
    return case


def test_what_was_recorded_is_not_recorded_again_after_a_commit_that_only_seemed_to_fail(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [4])
    [batch] = take_all(ledger, sendable(ledger, interval))
    outcome = split(batch, "bad", _BAD)
    assert settle(ledger, outcome) == []
    assert settle(ledger, outcome) == [outcome]
    assert [each.calls for each in sendable(ledger, interval)] == [2, 2]


@pytest.mark.parametrize("decide", [_release, _close, _accept])
def test_what_a_person_decides_raises_the_fence(ledger: Ledger, decide: Callable[[Connection, Case], None]) -> None:
    case = _hold(ledger)
    with ledger.transaction() as connection:
        decide(connection, case)
        fence = connection.execute(select(batches.c.fence).where(batches.c.id == case.batch_id)).scalar_one()
    assert fence > case.fence


@pytest.mark.parametrize("decide", [_release, _close, _accept])
def test_a_person_who_read_the_batch_under_another_fence_decides_nothing(
    ledger: Ledger, decide: Callable[[Connection, Case], None]
) -> None:
    case = _hold(ledger)
    with pytest.raises(ChangedMeanwhileError), ledger.transaction() as connection:
        decide(connection, replace(case, fence=case.fence - 1))
    assert states(ledger) == {case.batch_id: "held"}
