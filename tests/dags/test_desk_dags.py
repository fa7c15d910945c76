"""The Dags for people, run by Airflow: held batches are listed and settled, and sending is paused."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.session import create_session
from sqlalchemy import select

from dag_world import SECURITY_ID, DagWorld, dag_named, states
from phonon.ledger.claims import find_interval
from phonon.ledger.pauses import pause_of, set_pauses
from phonon.ledger.store import Ledger
from phonon.operators.context import PhononTaskError
from phonon.review.desk import ReviewDesk
from phonon.review.notes import WARNING
from simulator import Fault, Kind, When
from trial import sqlite_url

HELD = "phonon_held_batches"
PAUSE = "phonon_pause"
_CAMPAIGN = """
name: {name}
contacts: SELECT loan_id, mobile FROM loans
contact_id: loan_id
numbers: [mobile]
flow_id: abcdEF12
limits: {{per_number: null}}
"""


@pytest.fixture(autouse=True)
def campaigns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    for name in ("loans", "others"):
        (folder / f"{name}.yaml").write_text(_CAMPAIGN.format(name=name))
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(folder))
    return folder


def hold(world: DagWorld, campaign: str = "loans", *, when: When = When.BEFORE) -> list[int]:
    """Run a campaign whose calls are all held; gives the ids of its batches."""
    world.phonon.inject(Fault(Kind.RESET, when=when, times=1))
    world.run(campaign)
    found = waiting(world, campaign)
    assert found
    return found


def waiting(world: DagWorld, campaign: str = "loans") -> list[int]:
    """The ids of the batches that the ledger holds for a person."""
    ledger = Ledger(sqlite_url(world.folder))
    found = [case.batch_id for case in ReviewDesk(ledger).waiting(campaign)]
    ledger.close()
    return found


def settle(world: DagWorld, **conf: Any) -> Any:
    return world.run(HELD, conf=conf)


def xcom(run: Any, task: str = "settle") -> Any:
    return next(ti for ti in run.get_task_instances() if ti.task_id == task).xcom_pull(task_ids=task)


def test_what_is_held_is_listed_and_shown_without_a_number(
    dag_world: DagWorld, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    [batch] = hold(dag_world)
    with caplog.at_level(logging.INFO):
        listed = settle(dag_world)
        shown = settle(dag_world, action="show", batches=[str(batch)])
    assert (listed.state, states(listed)) == ("success", {"settle": "success", "send_and_push": "skipped"})
    assert (xcom(listed)["batches"], xcom(listed)["calls"]) == ([batch], 60)
    assert shown.state == "success"
    with create_session() as session:
        xcoms = session.scalars(select(XComModel.value).where(XComModel.dag_id == HELD)).all()
    text = "".join([caplog.text, *capfd.readouterr(), *map(str, xcoms)])
    assert "1 batch with 60 calls" in text
    assert f"Batch {batch}: held" in text
    assert not re.findall(rf"{SECURITY_ID}|(?<!\d)(?:91)?99999\d{{5}}(?!\d)", text)


def test_a_released_batch_is_sent_and_pushed_at_once(dag_world: DagWorld) -> None:
    batches = hold(dag_world)
    run = settle(dag_world, action="release", batches=batches, note="not in the report", understood=True, send=True)
    assert (run.state, states(run)) == ("success", {"settle": "success", "send_and_push": "success"})
    assert dag_world.statuses("loans") == {"accepted": 60}
    dag_world.assert_books_agree("loans")
    assert {row["run_id"] for row in dag_world.results("loans")} == {run.run_id}


def test_without_send_a_released_batch_waits_for_its_campaign(dag_world: DagWorld) -> None:
    batches = [str(each) for each in hold(dag_world)]
    first = dag_world.results("loans")[0]["interval_key"]
    conf = {"action": "release", "note": "not received", "understood": True, "campaign": "loans"}
    run = settle(dag_world, batches=batches, **conf)
    assert run.state == "success"
    assert dag_world.statuses("loans") == {"pending": 60}
    reasons = {row["reason"] for row in dag_world.results("loans")}
    assert all(re.fullmatch(r"released by dag_test on .* UTC: not received", reason) for reason in reasons)
    assert dag_world.phonon.accepted() == []
    assert {row["interval_key"] for row in dag_world.results("loans")} == {first}


def test_a_closed_batch_is_shown_as_held_by_whom_and_its_campaign_goes_on(dag_world: DagWorld) -> None:
    batches = hold(dag_world)
    run = settle(dag_world, action="close", batches=batches, note="nobody knows")
    assert run.state == "success"
    assert dag_world.statuses("loans") == {"held": 60}
    [reason] = {row["reason"] for row in dag_world.results("loans")}
    assert re.fullmatch(r"closed by dag_test on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: nobody knows", reason)
    assert xcom(settle(dag_world))["batches"] == []


def test_a_campaign_whose_held_batches_were_all_closed_does_not_branch_to_their_review(dag_world: DagWorld) -> None:
    dag_world.phonon.inject(Fault(Kind.RESET, times=1))
    first = dag_world.run("loans")
    assert (states(first)["review_held"], first.state) == ("failed", "failed")
    settle(dag_world, action="close", batches=[1], note="nobody knows")
    again = dag_world.run("loans", at=first.logical_date)
    assert (states(again)["review_held"], again.state) == ("skipped", "success")


def test_evidence_is_shown_in_the_results(dag_world: DagWorld) -> None:
    hold(dag_world, when=When.AFTER)
    calls = [call.client_identifier for call in dag_world.phonon.accepted()]
    report = "client-identifier,phonon-uuid,request-id\n" + "".join(f"{name},u-{name},r\n" for name in calls[:40])
    run = settle(dag_world, action="evidence", evidence=report)
    assert run.state == "success"
    assert dag_world.statuses("loans") == {"accepted": 40, "held": 20}
    accepted = [row for row in dag_world.results("loans") if row["status"] == "accepted"]
    shown = {(row["phonon_uuid"], row["request_id"]) for row in accepted}
    assert shown == {(f"u-{name}", "r") for name in calls[:40]}
    assert (xcom(run)["calls"], xcom(run)["calls_still_held"]) == (40, 20)


_WRONG_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"action": "release", "note": "why", "batches": [1]}, WARNING),
    ({"action": "release", "understood": True, "batches": [1]}, "note: say why"),
    ({"action": "close", "note": "why"}, "batches: name the batches"),
    ({"action": "close", "note": "why", "batches": [1, 99]}, "There is no batch 99 in this ledger"),
    ({"action": "close", "note": "why", "batches": ["one"]}, "batches: each line is the id of one batch"),
    ({"action": "close", "note": "why", "batches": [True]}, "batches: each line is the id of one batch"),
    ({"action": "close", "note": "call 9999900001", "batches": [1]}, "could be a phone number"),
    ({"action": "close", "note": "why", "batches": [1], "campaign": "others"}, "not of campaign 'others'"),
    ({"action": "show"}, "batches: name the batches to show"),
    ({"action": "evidence"}, "The evidence is empty"),
    ({"action": "evidence", "evidence": "name\nAsha\n"}, "no column client-identifier"),
    ({"action": "list", "evidence": "client-identifier\nx\n"}, "evidence is filled in, and the action"),
]


def test_wrong_input_says_what_to_do_and_changes_nothing(
    dag_world: DagWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    hold(dag_world)
    for conf, said in _WRONG_INPUT:  # over one held batch, since none of them is to change it
        capfd.readouterr()
        run = settle(dag_world, **conf)
        assert run.state == "failed", conf
        printed = "".join(capfd.readouterr())
        assert said in printed, conf
        assert "9999900001" not in printed
        assert dag_world.statuses("loans") == {"held": 60}, conf
        assert waiting(dag_world) == [1], conf
    assert xcom(settle(dag_world))["batches"] == [1]


@pytest.mark.parametrize("cell", ["919999900001", "+919999900001", "9999900001", '"09999900001"'])
def test_airflow_refuses_a_report_with_phone_numbers_before_it_keeps_it(cell: str) -> None:
    params = dag_named(HELD).params
    params["evidence"] = (
        "client-identifier,phonon-uuid\nloans-0123456789abcdef,12345678-1234-4321-abcd-919999900001\n"
    )
    params.validate()
    with pytest.raises(ParamValidationError, match="does not match"):
        params["evidence"] = f"client-identifier,mobile\nloans-0123456789abcdef,{cell}\n"


def test_a_batch_without_its_campaigns_file_is_not_released_to_be_sent(
    dag_world: DagWorld, campaigns: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hold(dag_world)
    hold(dag_world, "others")
    (campaigns / "loans.yaml").unlink()
    conf = {"action": "release", "batches": [1, 2], "note": "not received", "understood": True}
    run = settle(dag_world, **conf, send=True)
    assert (run.state, states(run)["settle"]) == ("failed", "failed")
    assert "Put the file of campaign loans back into" in "".join(capfd.readouterr())
    assert sorted(xcom(settle(dag_world))["batches"]) == [1, 2], "still listed"
    assert dag_world.phonon.accepted() == []

    run = settle(dag_world, **conf)
    assert run.state == "success"
    assert "Campaign loans has no valid file in" in "".join(capfd.readouterr())
    assert [name for name, _ in xcom(run, "send_and_push")["elsewhere"]] == ["loans"]
    assert dag_world.statuses("others") == {"pending": 60}
    assert dag_world.statuses("loans") == {"held": 60}, "its rows are pushed by its own Dag"


def test_a_release_that_cannot_be_sent_fails_and_is_pushed_as_pending(
    dag_world: DagWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    hold(dag_world)
    dag_world.phonon.inject(Fault(Kind.CODE, code=212, times=None))
    run = settle(dag_world, action="release", batches=[1], note="not received", understood=True, send=True)
    assert (run.state, states(run)["settle"]) == ("failed", "success")
    assert "60 calls are pending" in "".join(capfd.readouterr())
    assert dag_world.statuses("loans") == {"pending": 60}


def test_a_task_that_is_told_to_end_sends_nothing_more_and_pushes_what_was_settled(dag_world: DagWorld) -> None:
    hold(dag_world)
    settle(dag_world, action="release", batches=[1], note="not received", understood=True)
    affected = [["loans", dag_world.results("loans")[0]["interval_key"]]]
    task = dag_named(HELD).get_task("send_and_push")
    context = {
        "ti": SimpleNamespace(xcom_pull=lambda task_ids: {"action": "release", "affected": affected}),
        "params": {"send": True},
        "dag_run": SimpleNamespace(run_id="told-to-end"),
    }
    task.on_kill()
    with pytest.raises(PhononTaskError, match="the task was told to end"):
        task.execute(context)
    assert dag_world.phonon.accepted() == []
    assert dag_world.statuses("loans") == {"pending": 60}


def test_a_campaign_is_paused_until_it_is_resumed(dag_world: DagWorld) -> None:
    paused = dag_world.run(PAUSE, conf={"action": "pause", "campaign": "loans", "reason": "wrong prices"})
    assert (paused.state, xcom(paused, "switch")["paused"]) == ("success", ["loans"])
    assert _paused(dag_world) == {"loans": True, "others": False}
    resumed = dag_world.run(PAUSE, conf={"action": "resume", "campaign": "loans"})
    assert (resumed.state, xcom(resumed, "switch")["paused"]) == ("success", [])
    assert _paused(dag_world) == {"loans": False, "others": False}


def test_a_run_that_is_paused_fails_at_once_and_sends_the_rest_after_the_switch_is_cleared(
    dag_world: DagWorld,
) -> None:
    dag_world.run(PAUSE, conf={"action": "pause", "campaign": "loans", "reason": "wrong list"})
    run = dag_world.run("loans")
    assert states(run)["trigger_calls"] == "failed"
    assert states(run)["push_results"] == "success"
    assert dag_world.phonon.summary()["requests"] == 0
    assert set(dag_world.statuses("loans")) == {"pending"}

    dag_world.run(PAUSE, conf={"action": "resume", "campaign": "loans"})
    assert str(dag_world.run("loans", at=run.logical_date).state) == "success"
    assert set(dag_world.statuses("loans")) == {"accepted"}
    dag_world.assert_books_agree("loans")


def test_everything_can_be_paused_and_who_did_it_is_on_record(
    dag_world: DagWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    dag_world.run(PAUSE, conf={"action": "pause", "reason": "wrong prices"})
    ledger = Ledger(sqlite_url(dag_world.folder))
    with ledger.transaction(read_only=True) as connection:
        [pause] = set_pauses(connection)
    ledger.close()
    assert (pause.scope, pause.by, pause.reason) == ("*", "dag_test", "wrong prices")
    assert dag_world.run(PAUSE).state == "success"
    assert "everything was paused by dag_test at" in "".join(capfd.readouterr())
    assert _paused(dag_world) == {"loans": True, "others": True}


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"action": "pause", "campaign": "laons", "reason": "why"}, "There is no campaign 'laons'"),
        ({"action": "pause", "campaign": "loans"}, "reason: say why"),
        ({"action": "resume", "campaign": "loans"}, "Campaign loans is not paused. Paused is: nothing."),
    ],
)
def test_a_wrong_pause_fails_and_sets_nothing(
    dag_world: DagWorld, capfd: pytest.CaptureFixture[str], conf: dict[str, Any], said: str
) -> None:
    run = dag_world.run(PAUSE, conf=conf)
    assert run.state == "failed"
    assert said in "".join(capfd.readouterr())
    assert xcom(dag_world.run(PAUSE), "switch")["paused"] == []


@pytest.mark.parametrize("dag_id", [HELD, PAUSE])
def test_the_dags_are_ready_to_be_triggered_and_explain_themselves(dag_id: str) -> None:
    dag = dag_named(dag_id)
    assert dag.is_paused_upon_creation is False
    assert dag.schedule is None
    assert "phonon" in dag.tags
    assert "`phonon " in dag.doc_md
    assert dag.params.validate()["action"] in {"list", "show"}


@pytest.mark.parametrize("dag_id", [HELD, PAUSE])
def test_a_form_proposes_the_campaigns_that_have_a_file_and_sends_nothing_unless_told_to(
    dag_id: str, campaigns: Path
) -> None:
    (campaigns / "broken.yaml").write_text("name: broken\npurpose: servise\n")
    (campaigns / "nameless.yaml").write_text("purpose: service\n")
    params = dag_named(dag_id).params
    schema = params.get_param("campaign").schema
    assert (schema["examples"], schema["type"]) == (["broken", "loans", "others"], ["null", "string"])
    assert params.get("send") in {None, False}


def _paused(world: DagWorld) -> dict[str, bool]:
    """Whether senders of each campaign find a switch that stops them."""
    ledger = Ledger(sqlite_url(world.folder))
    with ledger.transaction() as connection:
        found = {
            name: pause_of(connection, find_interval(connection, name, "any")) is not None
            for name in ("loans", "others")
        }
    ledger.close()
    return found
