"""Evidence settles exactly the held calls that it names, in bulk, and the same report twice changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, event, func, select, update

from ledger.promises import Clock, states
from phonon.ledger.schema import batches, calls, decisions
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.review.desk import ReviewDesk
from phonon.review.proving import Fit, Unproven
from phonon.review.text import told_evidence
from phonon.wording import counted
from review.holding import ASHA, apply, hold, rows_of, statuses


def test_calls_that_are_listed_are_accepted_and_the_others_stay_held(ledger: Ledger) -> None:
    hold(ledger, 3, 2)
    outcome = apply(
        ledger, "ClientIdentifier,phonon-uuid,request-id\nci-b0c0,u0,r\nci-b0c2,u2,r\nci-b1c0,,\nci-b1c1,,\n"
    )
    shown = {name: (row["status"], row["request_id"], row["phonon_uuid"]) for name, row in rows_of(ledger).items()}
    assert shown == {
        "ci-b0c0": ("accepted", "r", "u0"),
        "ci-b0c1": ("held", "request-1", None),
        "ci-b0c2": ("accepted", "r", "u2"),
        "ci-b1c0": ("accepted", "request-2", None),
        "ci-b1c1": ("accepted", "request-2", None),
    }
    assert (outcome.proven.calls, outcome.proven.still_held, outcome.proven.calls_still_held) == (4, {1: 3}, 1)
    assert told_evidence(outcome).splitlines() == [
        "4 calls accepted: 1 batch in full, 1 in part.",
        "1 call of these stays held, which the report does not list.",
        "Batch 1: what stays held is batch 3 now.",
    ]


def test_the_same_report_twice_changes_nothing(ledger: Ledger) -> None:
    hold(ledger, 2, 2)
    report = "client-identifier,phonon-uuid,request-id\nci-b0c0,u0,r\n,u7,request-2\n,u8,request-2\n"
    apply(ledger, report)
    before = states(ledger), rows_of(ledger)
    again = apply(ledger, report)
    assert (states(ledger), rows_of(ledger)) == before
    assert (again.proven.calls, again.other_rows) == (0, {Fit.KNOWN: 3})
    with ledger.transaction(read_only=True) as connection:
        assert connection.execute(select(func.count()).select_from(decisions)).scalar() == 2


def test_all_uuids_of_a_request_prove_all_its_calls(ledger: Ledger) -> None:
    hold(ledger, 3)
    outcome = apply(ledger, "phonon-uuid,request-id\nu0,request-1\nu1,request-1\nu2,request-1\nu2,request-1\n")
    assert statuses(ledger) == {"accepted": 3}
    assert outcome.unproven == []
    assert {row["phonon_uuid"] for row in rows_of(ledger).values()} == {None}, (
        "a uuid does not tell whose call it is"
    )


@pytest.mark.parametrize("listed", [1, 2, 4])
def test_too_few_or_too_many_uuids_of_a_request_prove_nothing_and_say_so(ledger: Ledger, listed: int) -> None:
    hold(ledger, 3)
    rows = "".join(f"u{i},request-1\n" for i in range(listed))
    outcome = apply(ledger, f"phonon-uuid,request-id\n{rows}")
    assert states(ledger) == {1: "held"}
    assert outcome.unproven == [Unproven("request-1", [1], listed, 3)]
    uuids = counted(listed, "phonon-uuid")
    assert f"the report lists {uuids} under its request-id, for 3 calls" in told_evidence(outcome)


def test_the_rest_of_a_request_that_was_proven_in_part_is_proven_by_all_its_uuids(ledger: Ledger) -> None:
    hold(ledger, 3)
    apply(ledger, "client-identifier\nci-b0c1\n")
    apply(ledger, "phonon-uuid,request-id\nu0,request-1\nu1,request-1\nu2,request-1\n")
    assert statuses(ledger) == {"accepted": 3}


def test_a_uuid_that_was_answered_before_is_known(ledger: Ledger) -> None:
    hold(ledger, 2)
    apply(ledger, "client-identifier,phonon-uuid\nci-b0c0,u0\n")
    outcome = apply(ledger, "phonon-uuid\nu0\nu5\n")
    assert outcome.other_rows == {Fit.KNOWN: 1, Fit.NOTHING: 1}
    assert statuses(ledger) == {"accepted": 1, "held": 1}


@pytest.mark.parametrize(
    ("state", "fit"),
    [
        (BatchState.ACCEPTED, Fit.KNOWN),
        (BatchState.ACCEPTED_EARLIER, Fit.KNOWN),
        (BatchState.UNKNOWN, Fit.OPEN),
        (BatchState.SENDING, Fit.OPEN),
        (BatchState.CLOSED, Fit.CLOSED),
        (BatchState.PENDING, Fit.CONTRADICTED),
        (BatchState.REFUSED, Fit.CONTRADICTED),
        (BatchState.EXPIRED, Fit.CONTRADICTED),
    ],
)
def test_rows_of_calls_that_are_not_held_are_counted_and_change_nothing(
    ledger: Ledger, state: BatchState, fit: Fit
) -> None:
    hold(ledger, 1)
    with ledger.transaction() as connection:
        connection.execute(update(batches).values(state=state))
    outcome = apply(
        ledger, "client-identifier,phonon-uuid,request-id\nci-b0c0,,\n,u0,request-1\nstrange,,\n,strange,\n"
    )
    assert outcome.other_rows == {fit: 2, Fit.NOTHING: 2}
    assert states(ledger) == {1: state}
    assert f"2 rows {fit}." in told_evidence(outcome)


def test_a_report_that_lists_a_released_request_says_that_its_calls_may_be_placed_twice(ledger: Ledger) -> None:
    hold(ledger, 1)
    ReviewDesk(ledger).release([1], "not received", ASHA)
    outcome = apply(ledger, "phonon-uuid,request-id\nu0,request-1\n")
    assert outcome.other_rows == {Fit.RELEASED: 1}


def test_calls_with_two_uuids_are_told(ledger: Ledger) -> None:
    hold(ledger, 1)
    outcome = apply(ledger, "client-identifier,phonon-uuid\nci-b0c0,u0\nci-b0c0,u1\n")
    assert outcome.named_twice == 1
    assert "Ask Phonon whether these people were called twice" in told_evidence(outcome)


def test_a_hundred_thousand_rows_are_settled_in_bulk(ledger: Ledger) -> None:
    hold(ledger, *[500] * 100)
    names = [f"ci-b{batch}c{i}" for batch in range(200) for i in range(500)]
    statements = []
    event.listen(ledger._engine, "before_cursor_execute", lambda *_: statements.append(1))
    outcome = apply(ledger, "client-identifier,phonon-uuid\n" + "".join(f"{name},u-{name}\n" for name in names))
    assert (outcome.proven.calls, outcome.other_rows) == (50_000, {Fit.NOTHING: 50_000})
    assert len(statements) < 100 * 3, "a few statements a batch, none a call"
    assert statuses(ledger) == {"accepted": 50_000}
    assert rows_of(ledger)["ci-b99c499"]["phonon_uuid"] == "u-ci-b99c499"


_SIZES = (4, 3, 1)
_NAMES = [f"ci-b{batch}c{i}" for batch, size in enumerate(_SIZES) for i in range(size)]
_ROWS = st.tuples(
    st.sampled_from([*_NAMES, "", "strange"]),
    st.sampled_from(["", "u0", "u1", "u2", "u3"]),
    st.sampled_from(["", "request-1", "request-2", "request-3", "other"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(_ROWS, max_size=12), min_size=1, max_size=3))
def test_any_reports_settle_exactly_the_calls_that_they_name(reports: list[list[tuple[str, str, str]]]) -> None:
    ledger = Ledger(URL.create("sqlite"), clock=Clock())
    hold(ledger, *_SIZES)
    expected: set[str] = set()
    for rows in reports:
        if not any(name or uuid for name, uuid, _ in rows):
            continue
        expected |= {name for name, _, _ in rows if name in _NAMES}
        for number, size in enumerate(_SIZES):
            request = f"request-{number + 1}"
            listed = {uuid for _, uuid, said in rows if uuid and said == request}
            if len(listed) == size and any(not name and uuid and said == request for name, uuid, said in rows):
                # Calls that an earlier report placed in another request are not of this one any more.
                expected |= {name for name in _NAMES if name.startswith(f"ci-b{number}c")}
        apply(ledger, "client-identifier,phonon-uuid,request-id\n" + "".join(f"{','.join(row)}\n" for row in rows))
    shown = rows_of(ledger)
    assert {name for name, row in shown.items() if row["status"] == "accepted"} == expected
    assert {name for name, row in shown.items() if row["status"] == "held"} == set(_NAMES) - expected
    with ledger.transaction(read_only=True) as connection:
        query = select(batches.c.calls, func.count(calls.c.contact_id))
        query = query.outerjoin(calls, calls.c.batch_id == batches.c.id).group_by(batches.c.id)
        assert all(said == found for said, found in connection.execute(query))
    ledger.close()
