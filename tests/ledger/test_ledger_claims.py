from __future__ import annotations

import pytest
from sqlalchemy import Connection, func, select

from ledger.promises import NOON, new_batch, new_plan
from phonon.errors import LedgerError
from phonon.ledger import claims
from phonon.ledger.claims import Reject
from phonon.ledger.report import result_rows, totals
from phonon.ledger.schema import batches, intervals, rejects
from phonon.ledger.states import BatchState, CallStatus
from phonon.ledger.store import Ledger

_LATER = NOON + 60


def test_a_contact_cannot_be_claimed_twice_in_an_interval(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        claims.add_batch(connection, new_plan(connection), new_batch(["a", "b"]), NOON)
    with pytest.raises(LedgerError), ledger.transaction() as connection:
        claims.add_batch(connection, new_plan(connection, "run-2"), new_batch(["b", "c"]), NOON)
    with ledger.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(batches)).scalar() == 1


def test_a_contact_can_be_claimed_in_another_interval_or_campaign(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for campaign, key in (("trial", "day 1"), ("trial", "day 2"), ("other", "day 1")):
            plan = new_plan(connection, campaign=campaign, key=key)
            claims.add_batch(connection, plan, new_batch(["a"]), NOON)
            assert claims.count_claimed(connection, plan) == 1


@pytest.mark.parametrize("asked", [0, 30_000])
def test_contacts_are_looked_up_however_many_are_asked_for(ledger: Ledger, asked: int) -> None:
    names = [f"contact {i}" for i in range(asked)]
    hashes = [*range(asked)]
    with ledger.transaction() as connection:
        plan = new_plan(connection)
        claims.add_batch(connection, plan, new_batch(["contact 7"], number_hashes=[7]), NOON)
        claims.add_rejects(connection, plan, [Reject(1, "contact 8", CallStatus.INVALID, "bad")])
        found = claims.claimed_contacts(connection, plan, names)
        rejected = claims.rejected_contacts(connection, plan, names)
        used = claims.count_uses(connection, "trial", hashes, NOON)
        claims.see_again(connection, plan, names)
    assert (found, rejected, used) == (
        ({"contact 7": plan.id}, {"contact 8"}, {7: 1}) if asked else ({}, set(), {})
    )


def test_an_awkward_contact_id_is_found_again(ledger: Ledger) -> None:
    names = ["", "'; --", '"quoted"', "back\\slash", "नमस्ते", "\U0001f600", "{a,b}", "NULL", " x ", "a\tb\nc\r"]
    names += ["\\N", "\\.", "\\\\", '\\"', "\x01\x7f"]
    with ledger.transaction() as connection:
        plan = new_plan(connection)
        claims.add_batch(connection, plan, new_batch(names), NOON)
        assert claims.claimed_contacts(connection, plan, names).keys() == set(names)


def test_seeing_a_contact_again_names_the_newest_plan(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        first = new_plan(connection)
        claims.add_batch(connection, first, new_batch(["a", "b"]), NOON)
        second = new_plan(connection, "run-2")
        claims.see_again(connection, second, ["a"])
        assert claims.claimed_contacts(connection, second, ["a", "b"]) == {"a": second.id, "b": first.id}


def test_the_rejects_of_an_older_plan_vanish_when_a_newer_one_is_finished(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        first, second = new_plan(connection), new_plan(connection, "run-2")
        claims.add_rejects(connection, first, [Reject(0, "a", CallStatus.INVALID, "old")])
        claims.finish_plan(connection, first, rows_read=1, planned=0, now=NOON)
        claims.add_rejects(connection, second, [Reject(0, "a", CallStatus.INVALID, "new")])
        assert _reasons(connection) == ["old"]
        claims.finish_plan(connection, second, rows_read=1, planned=0, now=_LATER)
        assert _reasons(connection) == ["new"]


def test_an_older_plan_that_ends_after_a_newer_one_does_not_replace_it(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        older, newer = new_plan(connection), new_plan(connection, "run-2")
        claims.add_rejects(connection, older, [Reject(0, "a", CallStatus.INVALID, "older")])
        claims.add_rejects(connection, newer, [Reject(0, "a", CallStatus.INVALID, "newer")])
        claims.finish_plan(connection, newer, rows_read=1, planned=0, now=NOON)
        claims.finish_plan(connection, older, rows_read=1, planned=0, now=_LATER)
    rows = [row for chunk in result_rows(ledger, older.interval_id, chunk_rows=10) for row in chunk]
    assert [(row["contact_id"], row["reason"]) for row in rows] == [("a", "newer")]


def test_a_contact_that_an_unfinished_plan_claimed_is_not_shown_as_suppressed_too(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        finished = new_plan(connection)
        left_out = [Reject(i, name, CallStatus.SUPPRESSED, "over limit") for i, name in enumerate("abc")]
        mended = Reject(3, "d", CallStatus.INVALID, "number: too short")
        claims.add_rejects(connection, finished, [*left_out, mended])
        claims.finish_plan(connection, finished, rows_read=4, planned=0, now=NOON)
        crashed = new_plan(connection, "run-2")
        claims.add_batch(connection, crashed, new_batch(["a", "d"]), _LATER)
    rows = [row for chunk in result_rows(ledger, finished.interval_id, chunk_rows=2) for row in chunk]
    shown = {row["contact_id"]: row["status"] for row in rows}
    assert len(rows) == len(shown) == 4
    assert shown == {"a": "pending", "d": "pending", "b": "suppressed", "c": "suppressed"}
    with ledger.transaction() as connection:
        assert totals(connection, finished.interval_id).by_status == {
            CallStatus.PENDING: 2,
            CallStatus.SUPPRESSED: 2,
        }


def test_a_row_that_repeats_a_called_contact_is_shown_beside_the_call(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        plan = new_plan(connection)
        claims.add_batch(connection, plan, new_batch(["a"]), NOON)
        claims.add_rejects(connection, plan, [Reject(1, "a", CallStatus.INVALID, "contact_id: repeated")])
        claims.finish_plan(connection, plan, rows_read=2, planned=1, now=NOON)
        assert totals(connection, plan.interval_id).by_status == {CallStatus.PENDING: 1, CallStatus.INVALID: 1}


@pytest.mark.parametrize(
    ("state", "counts"), [(state, state not in {"refused", "expired"}) for state in BatchState]
)
def test_a_use_of_a_number_counts_unless_the_call_was_refused_or_expired(
    ledger: Ledger, state: BatchState, counts: bool
) -> None:
    with ledger.transaction() as connection:
        plan = new_plan(connection)
        claims.add_batch(connection, plan, new_batch(["a"], number_hashes=[1, -(2**63)]), NOON)
        connection.execute(batches.update().values(state=state))
        used = claims.count_uses(connection, "trial", [1, -(2**63), 3], NOON)
        assert used == ({1: 1, -(2**63): 1} if counts else {})
        assert claims.count_uses(connection, "trial", [1], NOON + 1) == {}
        assert claims.count_uses(connection, "other", [1], NOON) == {}


def test_a_call_counts_by_its_start_though_its_interval_is_an_old_one_that_was_run_again(ledger: Ledger) -> None:
    month = 30 * 86_400.0
    with ledger.transaction() as connection:
        old, later, new = (new_plan(connection, key=key) for key in ("a month ago", "a week ago", "today"))
        claims.add_batch(connection, old, new_batch(["a"], starts_at=NOON - month, number_hashes=[1]), NOON)
        claims.add_batch(connection, later, new_batch(["a"], starts_at=NOON - month / 4, number_hashes=[1]), NOON)
        claims.add_batch(connection, new, new_batch(["a"], number_hashes=[1]), NOON)
        assert claims.count_uses(connection, "trial", [1], NOON) == {1: 1}
        claims.add_batch(connection, old, new_batch(["b"], number_hashes=[1]), NOON)
        assert claims.count_uses(connection, "trial", [1], NOON) == {1: 2}
        assert claims.count_uses(connection, "trial", [1], NOON - month / 2) == {1: 3}


def test_what_a_run_planned_in_its_earlier_tries_is_known(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        first, other = new_plan(connection), new_plan(connection, "run-2")
        claims.note_planned(connection, first, 3)
        claims.note_planned(connection, other, 5)
        again = new_plan(connection)
        assert claims.planned_before(connection, again) == 3
        assert claims.planned_before(connection, first) == 0


def _reasons(connection: Connection) -> list[str]:
    query = select(rejects.c.reason).join(intervals, intervals.c.plan_id == rejects.c.plan_id)
    return [row.reason for row in connection.execute(query)]
