"""The tasks of a campaign's Dag, from extract_and_batch to push_results."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseBranchOperator, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from phonon.campaign.model import Campaign
from phonon.campaign.notices import finished_notice, held_notice, not_pushed_notice, stopped_notice
from phonon.campaign.notification import Event
from phonon.campaign.schedule import results_uri
from phonon.dispatch.process import Ending
from phonon.errors import PausedError, StoppedSendingError
from phonon.operators.asking import ask, carry_out
from phonon.operators.campaign_sql import RendersCampaignSql
from phonon.operators.context import airflow_errors, check_partition, run_of
from phonon.operators.decisions import DECISION, as_backfill, as_due, told_decision
from phonon.operators.held import end_with_held, held_line
from phonon.operators.new_rows import with_new_rows
from phonon.operators.notifying import announce, is_last_try, told_of

if TYPE_CHECKING:
    from phonon.campaign.job import CampaignJob, Sent
    from phonon.campaign.notices import Notice
    from phonon.campaign.results import Pushed
    from phonon.campaign.run import Run
    from phonon.ledger.report import HeldBatch, Totals

EXTRACT_AND_BATCH = "extract_and_batch"
APPROVE = "approve"
TRIGGER_CALLS = "trigger_calls"
ACCEPTED = "accepted"
REVIEW_REFUSED = "review_refused"
REVIEW_HELD = "review_held"
TOP_UP = "top_up"
FIX_CONFIGURATION = "fix_configuration"
PAUSED = "paused"

REASONS = "not_called"
"""Key of reports and of the results asset's extra: why people were not called, with how many each."""

_SHOWN_BATCHES = 50
_FAILED = (
    "The run failed before all of its calls were sent; the log of the task that failed says why. When it is "
    "mended, clear that task: it takes up what is left and calls nobody twice."
)


_NO_REPORT = (
    "Clear trigger_calls: that sends what is left, calls nobody twice, and reports what came of it.\n"
    "It has left no report, as when somebody marks it success or failed by hand. If shards was changed meanwhile, "
    "clear the whole run instead. What was sent is in the ledger."
)


def results_asset(campaign: str) -> Asset:
    """The asset that a push of results emits."""
    return Asset(results_uri(campaign))


class CampaignOperator(BaseOperator):  # type: ignore[misc] # Airflow's classes are untyped to mypy
    """Base of the tasks that carry out a step of a campaign."""

    def __init__(self, *, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._campaign = campaign
        self._ending = Ending()

    @property
    def campaign(self) -> Campaign:
        """The campaign that this is a step of."""
        return self._campaign

    def on_kill(self) -> None:
        """Stop sending. Airflow calls this on SIGTERM, in the middle of ``execute``, and lets that go on."""
        self._ending.asked = True

    def run_of(self, context: Mapping[str, Any]) -> Run:
        """Describe this run, with the parameters it was started with."""
        params = context["params"]
        run: Run = run_of(
            context,
            dry_run=bool(params.get("dry_run")),
            limit=params.get("limit"),
            test_numbers=params.get("test_numbers") or (),
            numbers_kind=self.campaign.numbers_kind,
        )
        check_partition(self.campaign, context["dag_run"])
        dag_run = context["dag_run"]
        return as_due(as_backfill(run, self.campaign, dag_run), self.campaign, dag_run)

    @contextmanager
    def job(self, run: Run, *, warehouse: bool) -> Iterator[CampaignJob]:
        """Open what the job needs, and close it."""
        from phonon.campaign.job import CampaignJob  # noqa: PLC0415 - heavy, and a Dag file imports this module
        from phonon.hooks.ledger import open_ledger  # noqa: PLC0415 - as above
        from phonon.hooks.warehouse import warehouse_of  # noqa: PLC0415 - as above

        ledger = open_ledger(self.campaign.ledger_conn_id)
        try:
            opened = warehouse_of(self.campaign.warehouse_conn_id) if warehouse else None
            yield CampaignJob(self.campaign, run, ledger=ledger, warehouse=opened, log=self.log)
        finally:
            ledger.close()
            self.log.info("Peak memory of this process: %d MB", _peak_megabytes())

    def extract_and_batch(self, run: Run, sql: str, suppress: str | None = None) -> dict[str, Any]:
        """Plan the calls of the interval; gives ids and counts."""
        from phonon.hooks.account import account_settings  # noqa: PLC0415 - as above

        if self.campaign.notify:
            from phonon.hooks.notifiers import check_notifiers  # noqa: PLC0415 - as above

            check_notifiers(self.campaign)
        settings = account_settings(self.campaign.phonon_conn_id)
        with self.job(run, warehouse=True) as job:
            planned = job.extract_and_batch(sql, settings, suppress=suppress)
            reasons = job.reasons()
        self.log.info("Not called, by reason: %s", _listed(reasons))
        return {
            "campaign": self.campaign.name,
            "interval_key": run.interval_key,
            "rows_read": planned.rows_read,
            "planned": planned.planned,
            "batches": planned.batches,
            "invalid": planned.invalid,
            "suppressed": planned.suppressed,
            "already_planned": planned.already_planned,
            "reported": planned.reported,
            REASONS: reasons,
            DECISION: told_decision(run, planned),
        }

    def trigger_calls(self, run: Run, *, shard: int | None = None) -> dict[str, Any]:
        """Send the calls of the interval; gives ids and counts, and why sending stopped if it did.

        :param shard: which of the campaign's senders this is, counted from 0; None for the only one.
        """
        from phonon.campaign.job import stop_message  # noqa: PLC0415 - as above
        from phonon.hooks.phonon import PhononHook  # noqa: PLC0415 - as above

        hook = PhononHook(self.campaign.phonon_conn_id)
        with self.job(run, warehouse=True) as job:
            sent = job.trigger_calls(hook.settings, hook.transport, self._ending, shard=shard)
        message = stop_message(sent, self.campaign, hook.settings.urls, task_id=self.task_id)
        if sent.stopped is not None and sent.stopped.stop.value == PAUSED:
            raise PausedError(message)
        if sent.stopped is not None and sent.stopped.stop.value not in {TOP_UP, FIX_CONFIGURATION}:
            raise StoppedSendingError(message)
        return _summary(self.campaign.name, run, sent, message)

    def send(self, context: Mapping[str, Any], run: Run) -> dict[str, Any]:
        """Send the calls of the interval, as ``trigger_calls`` does, or park the task and have a person asked."""
        from phonon.review.approval import ApprovalNeededError  # noqa: PLC0415 - as above

        try:
            return self.trigger_calls(run)
        except ApprovalNeededError as needed:
            question = needed.question
        ask(self, context, run, question)
        return self.trigger_calls(run)

    def push_results(self, run: Run, outcome: str, *, settles: bool = False) -> Pushed:
        """Write the results of the interval to the warehouse; gives what is there now."""
        with self.job(run, warehouse=True) as job:
            return job.push_results(outcome, settles=settles)

    def announce(self, context: Mapping[str, Any], notice: Notice, *, stop: str | None = None) -> None:
        """Tell people, as the campaign's ``notify`` says.

        :param stop: why the run stopped, if that has a notice of its own, which says all that this one does.
        """
        announce(self.campaign, context, notice, self.log, told_apart=Event(stop) if stop else None)

    @contextmanager
    def telling_of_failure(self, context: Mapping[str, Any], run: Run) -> Iterator[None]:
        """Tell people when the results could not be written, and will not be tried again."""
        try:
            yield
        except AirflowException as error:
            if self.campaign.notify and is_last_try(context, error):
                told = told_of(self.campaign, run)
                self.announce(context, not_pushed_notice(told, error=str(error), task_id=self.task_id))
            raise


class ExtractAndBatchOperator(RendersCampaignSql, CampaignOperator):
    """Read the contacts of a campaign and plan their calls in the ledger. Sends nothing."""

    template_fields = ("sql", "suppress")
    sql_fields = {"sql": "contacts", "suppress": "suppress"}  # noqa: RUF012 - as below
    sql_is_of_a_file = True
    template_fields_renderers = {"sql": "sql", "suppress": "sql"}  # noqa: RUF012 - Airflow's own form

    def __init__(self, *, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(campaign=campaign, **kwargs)
        self.sql = campaign.contacts_sql
        self.suppress = campaign.suppress_sql

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Plan; the XCom holds ids and counts, and another one what was decided."""
        with airflow_errors():
            run = with_new_rows(self.run_of(context), context, self.campaign)
            counts = self.extract_and_batch(run, self.sql, self.suppress)
        context["ti"].xcom_push(DECISION, counts[DECISION])
        return counts


class ApproveOperator(CampaignOperator):
    """Have a person approve what is about to be sent, if the campaign's rule asks for it."""

    def execute(self, context: Mapping[str, Any]) -> None:
        """Pass, or park until a person has answered."""
        with airflow_errors():
            run = self.run_of(context)
            with self.job(run, warehouse=False) as job:
                question = job.question()
            if question is None:
                self.log.info("Nobody has to approve this run")
            else:
                ask(self, context, run, question)

    def answered(self, context: Mapping[str, Any], claimed: int, event: Mapping[str, Any]) -> None:
        """Go on with a person's answer; fails if it is no."""
        with airflow_errors():
            carry_out(self, context, self.run_of(context), claimed=claimed, event=event)


class TriggerCallsOperator(CampaignOperator):
    """Send the planned calls of a run's interval, those that an earlier run left among them.

    :param shard: which of the campaign's senders this is, counted from 0, where the task is mapped over them.
    """

    def __init__(self, *, campaign: Campaign, shard: int | None = None, **kwargs: Any) -> None:
        super().__init__(campaign=campaign, **kwargs)
        self.shard = shard

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Send; the XCom holds ids and counts. Parks if a person has to approve what nobody was asked about."""
        with airflow_errors():
            run = self.run_of(context)
            if self.shard is not None:
                # All shards would ask. For them the task before has asked.
                return self.trigger_calls(run, shard=self.shard)
            return self.send(context, run)

    def answered(self, context: Mapping[str, Any], claimed: int, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on with a person's answer; fails if it is no."""
        with airflow_errors():
            run = self.run_of(context)
            carry_out(self, context, run, claimed=claimed, event=event)
            return self.send(context, run)


class PushResultsOperator(CampaignOperator):
    """Write the results of a run's interval to the warehouse, whatever happened before."""

    def __init__(self, *, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(campaign=campaign, outlets=[results_asset(campaign.name)], **kwargs)

    def execute(self, context: Mapping[str, Any]) -> dict[str, int]:
        """Push; the counts by status are the XCom and the asset's extra."""
        summary = summary_of(context["ti"], senders=self.campaign.shards)
        with airflow_errors():
            run = self.run_of(context)
        with self.telling_of_failure(context, run), airflow_errors():
            pushed = self.push_results(run, outcome_of(summary))
        counts = counts_of(pushed.totals)
        context["outlet_events"][results_asset(self.campaign.name)].extra = {
            "campaign": self.campaign.name,
            "interval_key": run.interval_key,
            **counts,
            REASONS: dict(pushed.reasons),
            DECISION: context["ti"].xcom_pull(task_ids=EXTRACT_AND_BATCH, key=DECISION),
        }
        finished = finished_of(self.campaign, run, pushed, summary, failed=_FAILED)
        self.announce(context, finished, stop=summary.get("stop"))
        return counts


class BranchOnResponseOperator(BaseBranchOperator):  # type: ignore[misc] # as above
    """Choose the branches that the answers lead to."""

    def choose_branch(self, context: Mapping[str, Any]) -> list[str]:
        """Every branch that has calls, and ``accepted`` when there was nothing to send."""
        summary = summary_of(context["ti"])
        if not summary:
            raise AirflowFailException(_NO_REPORT)
        return branches_of(summary)


class ReviewOperator(CampaignOperator):
    """A branch: says what came of the calls, and what a person may want to do about it."""

    def execute(self, context: Mapping[str, Any]) -> None:
        """Log the counts, and the batches that are held."""
        summary = summary_of(context["ti"])
        self.log.info("Calls by status: %s", _listed(summary["by_status"]))
        self.log.info("Calls by response code: %s", _listed(summary["by_code"]))
        self.log.info("Not called, by reason: %s", _listed(summary.get(REASONS) or {}))


class ReviewHeldOperator(CampaignOperator):
    """A branch: what is held waits for a person, so the run fails until that is settled."""

    def execute(self, context: Mapping[str, Any]) -> None:
        """Log what is held now and tell people; fail unless nothing is left or the campaign lets it pass."""
        summary = summary_of(context["ti"])
        with airflow_errors():
            run = self.run_of(context)
            with self.job(run, warehouse=False) as job:
                held = job.held()
        if not held:
            self.log.info("Nothing is held any more")
            return
        for batch in held[:_SHOWN_BATCHES]:
            self.log.warning("%s", held_line(batch, self.campaign.calling_window.timezone))
        self.announce(context, held_notice(told_of(self.campaign, run), summary | _held(held)))
        end_with_held(self.campaign, held, self.log, task_id=self.task_id)


class StopOperator(CampaignOperator):
    """A branch that fails the run: Phonon refused for a reason that a person has to mend."""

    def execute(self, context: Mapping[str, Any]) -> None:
        """Tell people and fail, with what to do."""
        summary = summary_of(context["ti"])
        self.announce(context, stopped_notice(told_of(self.campaign, self.run_of(context)), summary))
        raise AirflowFailException(summary["message"])


def summary_of(ti: Any, *, senders: int = 1) -> dict[str, Any]:
    """What ``trigger_calls`` reported; empty if fewer than so many senders did.

    Of several senders each reports on the whole interval, as it found it at its own end: the last one is right.
    Why they stopped is said by the last of those that did, unless nothing was left for it to keep from being sent.
    """
    found = ti.xcom_pull(task_ids=TRIGGER_CALLS) or []
    reports = sorted([found] if isinstance(found, Mapping) else found, key=lambda report: str(report.get("as_of")))
    if len(reports) < senders:
        return {}
    last = reports[-1]
    stopped = [report for report in reports if report["stop"]]
    # After a top-up it is enough to clear one of them: it sends what all have left, and reports last.
    if not stopped or not any(last["by_status"].get(status) for status in ("pending", "held")):
        return dict(last)
    return dict(last) | {key: stopped[-1][key] for key in ("stop", "message")}


def branches_of(summary: Mapping[str, Any]) -> list[str]:
    """The task ids that a summary of ``trigger_calls`` leads to."""
    counts = summary["by_status"]
    branches = [ACCEPTED] if counts.get("accepted") or counts.get("accepted_earlier") else []
    branches += [REVIEW_REFUSED] if counts.get("refused") else []
    # Not by the count, which has the closed ones too: nobody waits for those.
    branches += [REVIEW_HELD] if summary["held"] else []
    branches += [summary["stop"]] if summary["stop"] else []
    return branches or [ACCEPTED]


def outcome_of(summary: Mapping[str, Any]) -> str:
    """The ``outcome`` column of the table of runs."""
    return str(summary.get("stop") or summary.get("dry_run") or "completed") if summary else "failed"


def counts_of(totals: Totals) -> dict[str, int]:
    """Counts by status, as an XCom and an asset's extra hold them."""
    return {status.value: count for status, count in totals.by_status.items()}


def finished_of(campaign: Campaign, run: Run, pushed: Pushed, summary: Mapping[str, Any], *, failed: str) -> Notice:
    """The notice of a run whose results were written. ``failed``: what to say if it has no summary."""
    return finished_notice(
        told_of(campaign, run),
        counts=counts_of(pushed.totals),
        codes={str(code): count for code, count in pushed.totals.by_code.items()},
        seconds=pushed.seconds,
        reasons=pushed.reasons,
        summary=summary,
        failed=f"It was {pushed.rejection}. Nothing was sent." if pushed.rejection else failed,
    )


def failed_report(campaign: str, run: Run, message: str, totals: Totals | None) -> dict[str, Any]:
    """What later tasks find of a run that failed: the keys of a summary, with what is known.

    :param totals: None if not even they could be read.
    """
    return {
        "campaign": campaign,
        "interval_key": run.interval_key,
        "by_status": {} if totals is None else {key: count for key, count in counts_of(totals).items() if count},
        "by_code": {} if totals is None else {str(code): count for code, count in totals.by_code.items()},
        "stop": None,
        "message": message,
        "dry_run": run.dry_run_reason if run.dry_run else None,
        "held": [],
    }


def _summary(campaign: str, run: Run, sent: Sent, message: str) -> dict[str, Any]:
    return {
        "campaign": campaign,
        "interval_key": run.interval_key,
        "as_of": sent.as_of.isoformat(timespec="microseconds"),
        "by_status": {status.value: count for status, count in sent.totals.by_status.items() if count},
        "by_code": {str(code): count for code, count in sent.totals.by_code.items()},
        REASONS: dict(sent.reasons),
        "stop": sent.stopped.stop.value if sent.stopped else None,
        "message": message,
        "at_limit": sent.is_at_limit,
        "dry_run": run.dry_run_reason if run.dry_run else None,
        **_held(sent.held),
    }


def _held(batches: Sequence[HeldBatch]) -> dict[str, Any]:
    return {
        "held_calls": sum(batch.calls for batch in batches),
        "held": [
            {
                "batch_id": batch.id,
                "calls": batch.calls,
                "sent_at": batch.sent_at.isoformat() if batch.sent_at else None,
                "request_id": batch.request_id,
                "reason": batch.reason,
            }
            for batch in batches[:_SHOWN_BATCHES]
        ],
    }


def _peak_megabytes() -> int:
    import resource  # noqa: PLC0415 - not on every system that can read a Dag file

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
