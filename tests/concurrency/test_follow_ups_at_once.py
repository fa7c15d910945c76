"""Runs of a follow-up that plan at once, in processes of their own: nobody is called more often than it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, select, update

from concurrency.followers import NAMES, PEOPLE, RUNS, Followers
from concurrency.offices import Office
from ledger.promises import new_batch, new_plan
from phonon.ledger.claims import add_batch, finish_plan
from phonon.ledger.schema import batches, calls, intervals
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from simulator.running import Handle
from trial import new_gate

_DAY = 86_400.0
_CONTACTS = 120


def followed(ledger_url: URL) -> None:
    """Have the first campaign call everybody two days ago, and Phonon refuse it."""
    ledger = Ledger(ledger_url)
    with ledger.transaction() as connection:
        then = ledger.now(connection) - 2 * _DAY
        plan = new_plan(connection, campaign="first")
        add_batch(connection, plan, new_batch(NAMES, starts_at=then), then)
        finish_plan(connection, plan, rows_read=PEOPLE, planned=PEOPLE, now=then)
        connection.execute(update(batches).values(state=BatchState.REFUSED, code=208))
    ledger.close()


def planned(ledger_url: URL) -> Counter[str]:
    """How many calls of the campaign that follows up each contact has got."""
    ledger = Ledger(ledger_url)
    with ledger.transaction(read_only=True) as connection:
        query = select(calls.c.contact_id).join(intervals, intervals.c.id == calls.c.interval_id)
        found = Counter(connection.execute(query.where(intervals.c.campaign == "again")).scalars())
    ledger.close()
    return found


@pytest.mark.parametrize(("at_most", "one_interval"), [(1, False), (2, False), (2, True)])
def test_runs_that_plan_at_once_together_follow_up_nobody_too_often(
    tmp_path: Path, ledger_url: URL, at_most: int, one_interval: bool
) -> None:
    followed(ledger_url)
    followers = Followers(tmp_path, ledger_url, at_most, one_interval)
    gate = new_gate(len(RUNS))
    for process in [followers.process(run_id, gate) for run_id in RUNS]:
        exit_code, output = process.finish()
        assert exit_code == 0, output
    # In one interval a contact is claimed once, whatever the rule allows.
    assert planned(ledger_url) == dict.fromkeys(NAMES, 1 if one_interval else at_most)


def test_runs_that_plan_and_send_at_once_have_phonon_call_everybody_once_again(
    tmp_path: Path, ledger_url: URL, new_phonon: Callable[..., Handle]
) -> None:
    phonon = new_phonon()
    first = Office(tmp_path, phonon, ledger_url, contacts=_CONTACTS, name="first")
    first.run()
    _was_days_ago(ledger_url, 2)
    keys = {"follow_up": {"of": "first", "status": ["accepted"]}, "limits": {"per_number": None}}
    offices = []
    for run_id in RUNS:
        folder = tmp_path / run_id
        folder.mkdir()
        interval = f"interval of {run_id}"
        offices.append(
            Office(folder, phonon, ledger_url, contacts=_CONTACTS, name="again", keys=keys, interval_key=interval)
        )
    gate = new_gate(len(RUNS))
    runs = [office.process("run", run_id, gate=gate) for office, run_id in zip(offices, RUNS, strict=True)]
    for process in runs:
        exit_code, output = process.finish()
        assert exit_code == 0, output
    for office, run_id in zip(offices, RUNS, strict=True):
        office.push(run_id)
    called = Counter(call.number_last4 for call in phonon.accepted())
    assert set(called.values()) == {2}, "once by the first campaign, and once again"
    assert len(called) == _CONTACTS
    again = sum((office.statuses() for office in offices), Counter[str]())
    assert again == {"accepted": _CONTACTS, "suppressed": (len(RUNS) - 1) * _CONTACTS}


def _was_days_ago(ledger_url: URL, days: int) -> None:
    """Have all that was planned and sent so far happen so much earlier."""
    ledger = Ledger(ledger_url)
    with ledger.transaction() as connection:
        connection.execute(update(calls).values(starts_at=calls.c.starts_at - days * _DAY))
        moved = {name: batches.c[name] - days * _DAY for name in ("starts_at", "not_after", "sent_at")}
        connection.execute(update(batches).values(moved))
    ledger.close()
