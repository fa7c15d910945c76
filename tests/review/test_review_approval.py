"""Whether a person has to approve, what is shown, and what an answer does, in a real ledger."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from ledger.promises import Clock, new_batch, new_plan, plan_batches, refused_whole, sendable, settle, take_all
from phonon.calling_window import CallingWindow
from phonon.campaign.purposes import INDIA
from phonon.ledger import withdrawals
from phonon.ledger.approvals import PastInterval, approved_calls
from phonon.ledger.claims import add_batch, finish_plan
from phonon.ledger.report import totals
from phonon.ledger.schema import decisions, number_uses
from phonon.ledger.store import Ledger
from phonon.review import approval_text
from phonon.review.approval import LEAST_UNUSUAL, ApprovalDesk, ApprovalNeededError, ApprovalRule, RejectedError
from phonon.review.approval_text import ask_the_same, told_question
from phonon.review.desk import Person
from trial import Trial, leaks

MEERA = Person("meera", "run-1")
GUARD = ApprovalRule(unusual=5)


def past(*calls: int) -> list[PastInterval]:
    return [PastInterval(f"day {n}", datetime(2026, 11, n + 1, tzinfo=UTC), each) for n, each in enumerate(calls)]


@pytest.mark.parametrize(
    ("rule", "calls", "earlier", "asks"),
    [
        (ApprovalRule(above=10), 10, (), False),
        (ApprovalRule(above=10), 11, (), True),
        (ApprovalRule(above=0), 1, (), True),
        (GUARD, 1_000_000, (), False),
        (GUARD, 5_001, (1000, 1000), False),
        (GUARD, 5_000, (1000, 1000, 1000), False),
        (GUARD, 5_001, (1000, 1000, 1000), True),
        (GUARD, 5_001, (1, 1000, 1000, 1000, 90_000), True),
        (GUARD, LEAST_UNUSUAL - 1, (1, 1, 1), False),
        (GUARD, LEAST_UNUSUAL, (1, 1, 1), True),
        (ApprovalRule(), 1_000_000, (1, 1, 1), False),
    ],
)
def test_it_is_asked_above_a_count_and_far_above_the_usual(
    rule: ApprovalRule, calls: int, earlier: Sequence[int], *, asks: bool
) -> None:
    assert bool(rule.why(calls, past(*earlier))) is asks


@given(st.integers(0, 10**7), st.lists(st.integers(1, 10**6), max_size=10), st.integers(0, 10**6))
def test_whoever_is_asked_about_a_count_is_asked_about_a_greater_one(
    calls: int, earlier: list[int], more: int
) -> None:
    rule = ApprovalRule(above=5000, unusual=3)
    if rule.why(calls, past(*earlier)):
        assert rule.why(calls + more, past(*earlier))


def test_an_approval_holds_until_more_is_planned(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [3, 2])
    desk, rule = ApprovalDesk(ledger), ApprovalRule(above=4)
    question = desk.question(interval, rule)
    assert question is not None
    assert (question.unsent.calls, question.unsent.batches, question.unsent.claimed) == (5, 2, 5)

    desk.approve(interval, 5, MEERA, "looks right")
    assert desk.question(interval, rule) is None

    with ledger.transaction() as connection:
        plan = new_plan(connection, "run-2")
        add_batch(connection, plan, new_batch(["late"]), ledger.now(connection))
        finish_plan(connection, plan, rows_read=1, planned=1, now=ledger.now(connection))
    again = desk.question(interval, rule)
    assert again is not None
    assert again.unsent.calls == 6

    desk.approve(interval, 2, MEERA, "a smaller one does not take the greater back")
    with ledger.transaction(read_only=True) as connection:
        assert approved_calls(connection, interval) == 5


def test_calls_that_were_sent_are_not_asked_about_and_those_refused_whole_are(ledger: Ledger) -> None:
    interval = plan_batches(ledger, [3, 2])
    first, second = take_all(ledger, sendable(ledger, interval))
    settle(ledger, refused_whole(first))
    question = ApprovalDesk(ledger).question(interval, ApprovalRule(above=0))
    assert question is not None
    assert question.unsent.calls == first.calls
    assert second.calls == 2


def test_only_other_intervals_of_the_campaign_say_what_is_usual(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for campaign, key, size in (
            ("trial", "day 0", 2),
            ("trial", "test:run", 9),
            ("other", "day 0", 9),
            ("trial", "empty", 0),
        ):
            plan = new_plan(connection, campaign=campaign, key=key)
            if size:
                ids = [f"{campaign}{key}{n}" for n in range(size)]
                add_batch(connection, plan, new_batch(ids), ledger.now(connection))
            finish_plan(connection, plan, rows_read=size, planned=size, now=ledger.now(connection))
    interval = plan_batches(ledger, [3])
    question = ApprovalDesk(ledger).question(interval, ApprovalRule(above=0))
    assert question is not None
    assert [(each.interval_key, each.calls) for each in question.past] == [("day 0", 2)]


def test_what_is_rejected_is_taken_back_and_can_be_planned_anew(ledger: Ledger, clock: Clock) -> None:
    with ledger.transaction() as connection:
        plan = new_plan(connection)
        batch = new_batch(["a", "b"], number_hashes=[ledger.number_hash("919999900000")])
        add_batch(connection, plan, batch, clock())
        add_batch(connection, plan, new_batch(["c"]), clock())
        finish_plan(connection, plan, rows_read=3, planned=3, now=clock())
    interval = plan.interval_id
    in_flight = take_all(ledger, sendable(ledger, interval)[1:])

    assert ApprovalDesk(ledger).reject(interval, MEERA, "rejected by meera") == 2

    with ledger.transaction(read_only=True) as connection:
        counted = totals(connection, interval).by_status
        assert {status.value: count for status, count in counted.items()} == {"suppressed": 2, "held": 1}
        assert connection.execute(select(number_uses)).all() == []
        actions = connection.execute(select(decisions.c.action, decisions.c.decided_by, decisions.c.note)).all()
    assert ("reject", "meera", "rejected by meera") in [tuple(row) for row in actions]
    assert sendable(ledger, interval) == []
    assert ApprovalDesk(ledger).question(interval, ApprovalRule(above=0)) is None
    assert ApprovalDesk(ledger).rejection(interval) == "rejected by meera"
    assert len(in_flight) == 1

    with ledger.transaction() as connection:
        again = new_plan(connection, "run-2")
        add_batch(connection, again, new_batch(["a", "b"]), clock())
        finish_plan(connection, again, rows_read=2, planned=2, now=clock())
        counted = totals(connection, interval).by_status
    assert {status.value: count for status, count in counted.items()} == {"pending": 2, "held": 1}
    assert ApprovalDesk(ledger).rejection(interval) is None


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
def test_no_step_of_a_run_sends_before_it_is_approved(new_trial: Callable[..., Trial], endpoint: str) -> None:
    trial = new_trial(endpoint=endpoint, keys={"approval": {"above": 59}}, contacts=60)
    trial.extract()
    with pytest.raises(ApprovalNeededError, match=r"60 calls, and more than 59 .* clear the task approve"):
        trial.trigger()
    assert trial.phonon.summary()["requests"] == 0

    ledger = Ledger(trial.ledger_url)
    job = trial.job(ledger=ledger)
    question = job.question()
    assert question is not None
    job.approve(question.unsent.claimed, MEERA, "fine")
    ledger.close()
    trial.trigger()
    trial.push()
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 60}


@pytest.mark.parametrize("options", [{"dry_run": True}, {"test_numbers": ("919999988881",)}])
def test_nobody_is_asked_about_a_run_that_calls_no_contact(
    new_trial: Callable[..., Trial], options: dict[str, Any]
) -> None:
    trial = new_trial(keys={"approval": {"above": 0}}, contacts=3)
    trial.run(**options)
    calls = len(options.get("test_numbers", ()))
    assert len(trial.phonon.accepted()) == calls


def told_by(trial: Trial) -> str:
    trial.extract()
    ledger = Ledger(trial.ledger_url)
    question = trial.job(ledger=ledger).question()
    ledger.close()
    assert question is not None
    assert isinstance(trial.campaign().calling_window, CallingWindow)
    return told_question(question, zone=INDIA, per_minute=30, counts_requests=False, wait=timedelta(hours=12))


def test_the_question_shows_what_will_happen_and_no_number(new_trial: Callable[..., Trial]) -> None:
    keys = {"approval": {"above": 0}, "variables": {"Phone": "mobile", "Name": "name"}}
    text = told_by(new_trial(keys=keys, contacts=60))
    assert "| 60 | 6 |" in text
    assert "2 minutes" in text
    assert re.search(r"\| \w{3} \d{4}-\d\d-\d\d \| (\d\d:\d\d) \| \1 \| 60 \|", text)
    assert "…0000" in text
    assert "Name=Asha" in text
    assert not leaks(text)


def test_the_question_says_who_is_left_out_and_until_when_an_answer_counts(
    new_trial: Callable[..., Trial],
) -> None:
    contacts = "SELECT id, CASE WHEN id < 'C2' THEN '9199' ELSE mobile END AS mobile, name FROM people ORDER BY id"
    text = told_by(new_trial(keys={"approval": {"above": 0}, "contacts": contacts}, contacts=60))
    assert "It returned 60 rows." in text
    assert "| number: too short | 12 |" in text
    assert re.search(
        r"\*\*Answer\*\* by \d{4}-\d\d-\d\d \d\d:\d\d \(Asia/Kolkata\)\. Without an answer by then", text
    )
    another_day = re.sub(r"by \d{4}-\d\d-\d\d", "by 2030-01-01", text).replace("60 rows", "61 rows")
    assert ask_the_same(text, another_day), "an approval is about what is sent"


def test_amounts_and_ids_stand_in_the_question_as_they_are_and_break_no_markdown() -> None:
    shown = {
        "20688.27": "Amount=20688.27",
        "1250000": "Amount=1250000",
        "36ebf123-4567-4890-9123-456789abcdef": "Amount=36ebf123-4567-4890-9123-456789abcdef",
        "*a*|<b>_c_": r"Amount=\*a\*\|\<b\>\_c\_",
        "99999 12345": r"Amount=\*\*\*",
    }
    for value, told in shown.items():
        assert told in approval_text._first([_call_with(value)])


def _call_with(value: str) -> dict[str, Any]:
    keys = [{"name": "$flow.key.Amount", "value": value}]
    return {"contact-numbers": ["919999900001"], "start-time": "2026-11-27T10:00:00+05:30", "keys": keys}


def test_the_same_is_asked_if_only_the_times_of_day_differ(new_trial: Callable[..., Trial]) -> None:
    keys = {"approval": {"above": 0}, "variables": {"Name": "name"}}
    text = told_by(new_trial(keys=keys, contacts=60))
    later = re.sub(r"\d\d:\d\d", "23:58", text)
    assert later != text
    assert ask_the_same(text, later)
    (day, *_) = re.findall(r"\d{4}-\d\d-\d\d", text)
    changes = {"| 60 |": "| 61 |", "…0000": "…0001", "Asha": "Meera", day: "2020-01-01", "| 6 |": "| 7 |"}
    for old, new in changes.items():
        assert old in text
        assert not ask_the_same(text, text.replace(old, new)), old


def test_a_rejection_that_was_interrupted_is_finished_before_anything_is_sent(
    new_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = new_trial(keys={"approval": {"above": 50}}, contacts=60)
    trial.extract()
    ledger, left = Ledger(trial.ledger_url), 3
    real = withdrawals._withdraw

    def dies(*arguments: Any) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(withdrawals, "_withdraw", dies)
    with pytest.raises(KeyboardInterrupt):
        trial.job(ledger=ledger).reject(MEERA, "rejected by meera")
    monkeypatch.undo()
    ledger.close()

    with pytest.raises(RejectedError, match="rejected by meera"):
        trial.trigger()
    trial.push()
    assert trial.phonon.summary()["requests"] == 0
    assert {(row["status"], row["reason"]) for row in trial.results()} == {("suppressed", "rejected by meera")}


def test_an_approval_is_not_one_of_other_calls_that_come_in_place_of_those_taken_back(
    ledger: Ledger, clock: Clock
) -> None:
    interval = plan_batches(ledger, [3])
    desk = ApprovalDesk(ledger)
    desk.approve(interval, 3, MEERA, "fine")
    desk.reject(interval, MEERA, "rejected by meera")
    with ledger.transaction() as connection:
        plan = new_plan(connection, "run-2")
        add_batch(connection, plan, new_batch(["x", "y", "z"]), clock())
        finish_plan(connection, plan, rows_read=3, planned=3, now=clock())
    assert desk.question(interval, ApprovalRule(above=0)) is not None


def test_what_was_rejected_is_not_what_is_usual(ledger: Ledger) -> None:
    desk = ApprovalDesk(ledger)
    spike = plan_batches(ledger, [5])
    desk.reject(spike, MEERA, "rejected by meera")
    with ledger.transaction() as connection:
        plan = new_plan(connection, "run-2", key="day 2")
        add_batch(connection, plan, new_batch(["x"]), ledger.now(connection))
        finish_plan(connection, plan, rows_read=1, planned=1, now=ledger.now(connection))
    question = desk.question(plan.interval_id, ApprovalRule(above=0))
    assert question is not None
    assert question.past == []
