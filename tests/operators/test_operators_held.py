"""A run whose calls are held does not look finished: it fails, with what to do, until a person has settled them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.desk import KEYS, PEOPLE, Desk
from phonon.campaign.model import Campaign
from phonon.hooks.ledger import open_ledger
from phonon.operators.steps import BranchOnResponseOperator, ReviewHeldOperator
from phonon.review.desk import Person, ReviewDesk
from simulator import Fault, Kind, When


def lose_the_answer(desk: Desk) -> None:
    desk.phonon.inject(Fault(Kind.RESET, when=When.AFTER))


def close_all() -> None:
    ledger = open_ledger()
    ReviewDesk(ledger).close([1], "nobody knows", Person("asha", "run"))
    ledger.close()


def review(desk: Desk, **keys: Any) -> None:
    """Run the branch as Airflow does, with the report that trigger_calls left when it ran."""
    report = {
        "held": [{}],
        "held_calls": PEOPLE,
        "by_status": {"held": PEOPLE},
        "by_code": {},
        "as_of": "",
        "stop": None,
    }
    context = desk.context()
    context["ti"] = SimpleNamespace(xcom_pull=lambda **_: report)
    campaign = Campaign.model_validate({**KEYS, **keys})
    ReviewHeldOperator(task_id="review_held", campaign=campaign).execute(context)


def test_the_operator_fails_after_it_has_pushed(desk: Desk) -> None:
    lose_the_answer(desk)
    with pytest.raises(AirflowFailException) as told:
        desk.outbound()
    first, *rest = str(told.value).splitlines()
    assert first == "Settle the 12 calls held, with the Dag phonon_held_batches or from 'phonon held list' on."
    assert "in 1 batch and had no clear answer" in rest[0]
    assert "clear calls: it succeeds then" in rest[0]
    assert desk.statuses() == {"held": PEOPLE}


def test_the_report_reaches_later_tasks_although_the_operator_fails(desk: Desk) -> None:
    lose_the_answer(desk)
    with pytest.raises(AirflowFailException):
        desk.outbound()
    assert desk.xcoms["return_value"]["by_status"] == {"held": PEOPLE}


def test_the_branch_fails_until_all_is_settled_and_then_succeeds(desk: Desk) -> None:
    lose_the_answer(desk)
    with pytest.raises(AirflowFailException):
        desk.outbound()
    with pytest.raises(AirflowFailException, match="clear review_held: it succeeds then"):
        review(desk)
    close_all()
    review(desk)
    desk.outbound()  # cleared, it takes up what is left: nothing


def test_a_campaign_may_let_such_a_run_succeed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    lose_the_answer(desk)
    assert desk.outbound(on_held="succeed")["by_status"] == {"held": PEOPLE}
    review(desk, on_held="succeed")
    assert "Settle the 12 calls held" in capsys.readouterr().out


def test_a_task_marked_by_hand_has_no_report_and_the_branch_says_what_to_clear(desk: Desk) -> None:
    context = desk.context()
    with pytest.raises(AirflowFailException, match=r"^Clear trigger_calls: .*\n.*somebody marks it success"):
        BranchOnResponseOperator(task_id="branch_on_response").choose_branch(context)
