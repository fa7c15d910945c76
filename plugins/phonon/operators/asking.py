"""Asking a person in the Airflow UI whether a run may send, and doing what the answer says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import TaskAwaitingInput

from phonon.campaign.notices import approval_notice
from phonon.duration import duration_text
from phonon.errors import ConfigurationError
from phonon.operators.context import person_of
from phonon.operators.notifying import told_of
from phonon.wording import counted

if TYPE_CHECKING:
    from phonon.campaign.run import Run
    from phonon.operators.steps import CampaignOperator
    from phonon.review.approval import Question

APPROVE = "Approve"
REJECT = "Reject"


def ask(operator: CampaignOperator, context: Mapping[str, Any], run: Run, question: Question) -> None:
    """Park the task until a person has answered; returns at once if the run was started as approved.

    Its method ``answered`` is called with the answer, on some worker, in a new process.

    :raises ConfigurationError: if nobody can answer, since Airflow runs the Dag in this process.
    """
    claimed = question.unsent.claimed
    if context["params"].get("approve"):
        note = f"the {run.run_type} run {run.run_id} was started with the parameter approve"
        with operator.job(run, warehouse=False) as job:
            job.approve(claimed, person_of(context), note)
        operator.log.info("%s Approved by the run parameter approve", question.why)
        return
    if is_run_in_process():
        raise ConfigurationError(f"{question.why} {_nobody_to_ask(context)}")
    calls = question.unsent.calls
    _put(
        context,
        subject=f"{operator.campaign.name}: send {counted(calls, 'call')} of {run.interval_key}?",
        body=_body(operator, question),
    )
    approval = operator.campaign.approval
    assert approval is not None  # noqa: S101 - tells the type checker that nobody is asked without one
    operator.announce(context, approval_notice(told_of(operator.campaign, run), calls=calls, why=question.why))
    operator.log.warning(
        "%s Waiting for up to %s: Browse > Required Actions in the Airflow UI. Where there is none, end this run "
        "and start it with the parameter approve",
        question.why,
        duration_text(approval.wait),
    )
    raise TaskAwaitingInput(method_name="answered", kwargs={"claimed": claimed}, timeout=approval.wait)


def is_run_in_process() -> bool:
    """Whether the Dag is run as ``airflow dags test`` and ``dag.test()`` do, in one process with its tasks.

    Such a run needs no api-server, so there may be no place to answer, and nobody to end the wait: Airflow's
    scheduler does that. With ``--use-executor`` an api-server is there, and the tasks have processes of their own.
    """
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms  # noqa: PLC0415 - only tasks have it
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS  # noqa: PLC0415 - as above

    return isinstance(SUPERVISOR_COMMS, InProcessSupervisorComms)


def carry_out(
    operator: CampaignOperator, context: Mapping[str, Any], run: Run, *, claimed: int, event: Mapping[str, Any]
) -> None:
    """Record an approval, or take back what a person has rejected.

    :param claimed: calls of the interval when the question was asked, which is what the answer is about.
    :param event: Airflow's: the option that was chosen and by whom, or that the time has passed.
    :raises RejectedError: if the answer is no, or there is none.
    """
    from phonon.ledger.approvals import REJECTED  # noqa: PLC0415 - heavy, and a Dag file imports this module
    from phonon.review.approval import RejectedError  # noqa: PLC0415 - as above

    person = person_of(context, event.get("responded_by_user"))
    if event.get("chosen_options") == [APPROVE]:
        with operator.job(run, warehouse=False) as job:
            job.approve(claimed, person, f"approved up to {counted(claimed, 'call')}")
        operator.log.info("Approved by %s", person.name)
        return
    reason = f"{REJECTED} by {person.name}" if "error" not in event else f"{REJECTED}: {_no_answer(operator)}"
    with operator.job(run, warehouse=False) as job:
        taken_back = job.reject(person, reason)
    operator.log.warning("Taken back: %s", counted(taken_back, "planned call"))
    raise RejectedError(reason)


def _put(context: Mapping[str, Any], *, subject: str, body: str) -> None:
    """Put a question where people see it.

    Raises ConfigurationError if Airflow shows another one: of a task that is cleared it keeps the first text, and
    a person would approve what is not meant any more.
    """
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload  # noqa: PLC0415 - only tasks have it
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS  # noqa: PLC0415 - as above

    from phonon.review.approval_text import ask_the_same  # noqa: PLC0415 - heavy, and a Dag file imports this module

    shown = SUPERVISOR_COMMS.send(
        CreateHITLDetailPayload(
            ti_id=context["ti"].id,
            options=[APPROVE, REJECT],
            subject=subject,
            body=body,
            params={},
            multiple=False,
            assigned_users=[],
        )
    )
    if shown.subject != subject or not ask_the_same(shown.body or "", body):
        raise ConfigurationError(
            "Something else is to be approved than this run has asked about before, and Airflow goes on showing "
            "the earlier question. Nothing was sent. Start a new run over the same interval, which asks anew; or "
            "one with the parameter approve."
        )


def _nobody_to_ask(context: Mapping[str, Any]) -> str:
    """What to do about it. The interval is named, since what is planned in it waits there and nowhere else."""
    dag_run = context["dag_run"]
    date = f" {dag_run.logical_date.isoformat()}" if dag_run.logical_date else ""
    command = f"""airflow dags test {dag_run.dag_id}{date} --conf '{{"approve": true}}'"""
    return (
        "A run of 'airflow dags test' or dag.test() cannot ask anybody. Nothing was sent; the calls are planned "
        "and wait. If you approve them yourself, run the same interval again with the parameter approve: "
        f"{command}. Else have Airflow's scheduler run the interval, which asks in the UI."
    )


def _no_answer(operator: CampaignOperator) -> str:
    approval = operator.campaign.approval
    return f"nobody answered within {duration_text(approval.wait)}" if approval else "nobody answered in time"


def _body(operator: CampaignOperator, question: Question) -> str:
    from phonon.hooks.account import account_settings  # noqa: PLC0415 - heavy, and a Dag file imports this module
    from phonon.review.approval_text import told_question  # noqa: PLC0415 - as above

    campaign = operator.campaign
    settings = account_settings(campaign.phonon_conn_id)
    return told_question(
        question,
        zone=campaign.calling_window.timezone,
        per_minute=settings.per_minute[campaign.endpoint],
        counts_requests=settings.counts_requests,
        wait=campaign.approval.wait if campaign.approval else timedelta(),
    )
