"""What must hold of a ledger after every step, whatever happened before."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, select

from ledger.ledger_machine_phonon import ModelPhonon
from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.ledger.claims import Plan, claimed_contacts, count_claimed, count_uses
from phonon.ledger.outbox import candidates, next_due
from phonon.ledger.report import held_batches, open_calls, result_rows, run_figures, totals
from phonon.ledger.run_counts import counts_of_runs, totals_of
from phonon.ledger.schema import batches, calls, sends
from phonon.ledger.settlements import held
from phonon.ledger.states import SETTLED, WITHOUT_CALLS, BatchState, CallStatus
from phonon.ledger.store import Ledger

REPEATED = "contact_id: repeated"
RUNS = ("run-1", "run-2", "run-3")
_OPEN = {BatchState.PENDING, BatchState.SENDING, BatchState.UNKNOWN}


def check_phonon(phonon: ModelPhonon, per_minute: int) -> None:
    twice = [name for name, times in phonon.accepted.items() if times > 1]
    assert not twice, f"called twice: {twice}"
    for endpoint in Endpoint:
        assert phonon.highest_in_any_minute(endpoint) <= per_minute, "over the limit"


def check_results(
    ledger: Ledger, interval_id: int, phonon: ModelPhonon, returned: Collection[str]
) -> list[dict[str, Any]]:
    """The results table shows every contact once, and nothing that Phonon contradicts; gives its rows."""
    rows = [row for chunk in result_rows(ledger, interval_id, chunk_rows=7) for row in chunk]
    shown = {row["client_identifier"]: row["status"] for row in rows if "client_identifier" in row}
    assert {shown[name] for name in phonon.accepted} <= {"accepted", "accepted_earlier", "held"}
    assert {name for name, status in shown.items() if status == "accepted"} <= phonon.accepted.keys()
    earlier = {name for name, status in shown.items() if status == "accepted_earlier"}
    assert earlier <= phonon.accepted.keys() | phonon.left_out
    named = [row["contact_id"] for row in rows if row["reason"] != REPEATED and row["contact_id"] is not None]
    assert len(named) == len(set(named)), "a contact has two rows"
    assert set(returned) <= set(named), "a contact is lost"
    with ledger.transaction(read_only=True) as connection:
        by_status = Counter(CallStatus(row["status"]) for row in rows)
        counted = totals(connection, interval_id)
        assert counted.by_status == by_status
        codes = Counter(row["api_code"] for row in rows if row.get("api_code") and row["status"] != "expired")
        assert counted.by_code == codes
        runs = counts_of_runs(connection, interval_id)
        assert totals_of(runs) == counted, "the runs together are not the interval"
        for run in runs.values():
            assert run.planned <= run.own <= run.rows_read == run.own + run.counted_elsewhere
    return rows


def check_figures(connection: Connection, interval_id: int, rows: list[dict[str, Any]]) -> None:
    """What is told of an interval and its runs agrees with the rows of the results table."""
    states = {row.id: row.state for row in connection.execute(select(batches.c.id, batches.c.state))}
    by_batch = Counter(int(row["batch_id"]) for row in rows if "batch_id" in row)
    waiting = {int(row["batch_id"]) for row in rows if row["status"] == "held"}
    waiting -= {batch_id for batch_id in waiting if states[batch_id] == BatchState.CLOSED}
    listed = held_batches(connection, interval_id)
    assert {each.id: each.calls for each in listed} == {batch_id: by_batch[batch_id] for batch_id in waiting}
    assert {case.batch_id for case in held(connection)} == waiting
    still_open = sum(count for batch_id, count in by_batch.items() if states[batch_id] in _OPEN)
    assert open_calls(connection, interval_id) == still_open
    counts = by_batch.keys() - {number for number, state in states.items() if state in {"refused", "expired"}}
    uses = count_uses(connection, "trial", [hash_of(row["contact_id"]) for row in rows if row["contact_id"]], 0.0)
    assert sum(uses.values()) == sum(by_batch[batch_id] for batch_id in counts)
    sent = connection.execute(select(sends.c.run_id, sends.c.bytes)).all()
    for run_id in RUNS:
        figures = run_figures(connection, interval_id, run_id)
        of_run = [row.bytes for row in sent if row.run_id == run_id]
        assert (figures.requests, figures.bytes) == (len(of_run), sum(of_run))


def hash_of(contact_id: str) -> int:
    """The keyed hash of a contact's only number, as far as the machine needs one."""
    return ord(contact_id)


def check_batches(connection: Connection, plan: Plan | None, fences: dict[int, int], claimed: set[str]) -> None:
    """Every claimed call is in one batch, in its frozen bytes, and counted there; no fence goes down."""
    held_by: dict[int, set[str]] = {}
    for row in connection.execute(select(calls)):
        held_by.setdefault(row.batch_id, set()).add(row.client_identifier)
    rows = connection.execute(select(batches)).all()
    assert set().union(*held_by.values()) == {f"ci-{name}" for name in claimed}, "a claim is lost"
    assert held_by.keys() <= {row.id for row in rows}
    assert fences.keys() <= {row.id for row in rows}, "a batch is gone"
    for row in rows:
        names = held_by.get(row.id, set())
        assert row.calls == len(names), "a batch counts other calls than it holds"
        assert row.fence >= fences.get(row.id, 0), "a fence went down"
        fences[row.id] = row.fence
        assert not (names and row.state in WITHOUT_CALLS), "calls that nobody looks after"
        if row.frozen is None:
            assert row.state in SETTLED, "the bytes of an open batch were erased"
            continue
        frozen = {call["client-identifier"] for call in thaw(zlib.decompress(row.frozen))}
        assert names <= frozen
        assert names == frozen or row.state in SETTLED, "other calls would be sent than those that are claimed"
        assert (row.state == BatchState.SENDING) == (row.lease_until is not None)
    if plan is not None:
        assert count_claimed(connection, plan) == len(claimed)
        assert claimed_contacts(connection, plan, sorted(claimed)).keys() == claimed


def check_queue(connection: Connection, interval_id: int, now: float) -> None:
    """What may be sent now is what the states and backoffs say, and a sender is told when to look again."""
    rows = connection.execute(select(batches).where(batches.c.state.in_(sorted(_OPEN)))).all()
    may_go = {row.id for row in rows if row.state != BatchState.SENDING and row.not_before <= now}
    found = candidates(connection, interval_id, now=now, most=1000)
    assert {batch.id for batch in found} == may_go
    due = next_due(connection, interval_id)
    assert (due is None) == (not rows)
    if may_go:
        assert due is not None
        assert due <= now


def check_one_sender_each(connection: Connection, in_the_air: Mapping[int, object]) -> None:
    """A batch is being sent exactly while the machine knows whose it is."""
    sending = connection.execute(select(batches.c.id).where(batches.c.state == BatchState.SENDING)).scalars()
    assert set(sending) == in_the_air.keys()
