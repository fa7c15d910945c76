"""The operator for Dags that people write themselves: a whole campaign in one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskAwaitingInput

from phonon.api.endpoints import Endpoint
from phonon.campaign.model import Campaign
from phonon.campaign.notices import held_notice, not_pushed_notice, stopped_notice
from phonon.campaign.parts import OnHeld
from phonon.campaign.purposes import Purpose
from phonon.errors import ConfigurationError, PhononError
from phonon.numbering_plan import NumbersKind
from phonon.operators.asking import carry_out
from phonon.operators.campaign_sql import RendersCampaignSql
from phonon.operators.context import airflow_errors, run_of
from phonon.operators.decisions import DECISION, as_backfill, as_due
from phonon.operators.held import end_with_held
from phonon.operators.keywords import (
    AIRFLOWS_OWN,
    OPERATORS_KEYS,
    USUAL,
    Usual,
    campaign_of,
    unused_defaults,
    wrong_start,
)
from phonon.operators.notifying import is_last_try, told_of
from phonon.operators.steps import (
    REASONS,
    CampaignOperator,
    counts_of,
    failed_report,
    finished_of,
    outcome_of,
    results_asset,
)

if TYPE_CHECKING:
    from phonon.campaign.results import Pushed
    from phonon.campaign.run import Run


class PhononOutboundOperator(RendersCampaignSql, CampaignOperator):
    """Call the contacts that a query returns, once each, and write the outcome to the warehouse.

    Plans, sends and pushes as the Dag of a campaign file does, with the same promises; the results are pushed
    even when sending fails. Running the task again, after a crash or by clearing it, takes up what is left and
    calls nobody twice. The keyword arguments are the keys of a campaign file, but for ``schedule``, which is the
    Dag's, and ``shards``; those of Airflow's own (``owner``, ``start_date``) go to Airflow. All of them may come
    from ``default_args``, and each is an attribute of the operator. An attribute that a cluster policy changes
    counts. Where not said otherwise, None is the same as not given.

    :param contacts: SQL of the contacts query, templated; or the path of an ``.sql`` file, found as Airflow
        finds template files.
    :param contact_id: column that names the contact.
    :param numbers: columns of phone numbers, tried in this order.
    :param numbers_kind: ``mobile``, or ``any`` for landlines too.
    :param flow_id: id of the Phonon flow.
    :param name: name of the campaign, under which contacts are claimed. Default: the ids
        of Dag and task, with a dot between.
    :param description: what the campaign is for; the task's ``doc`` in the UI, unless that is given.
    :param variables: flow variable -> column.
    :param purpose: ``promotional``, ``service``, ``transactional`` or ``recovery``: decides the calling hours.
    :param endpoint: ``bulk`` or ``realtime``.
    :param start_at: ``now``, a time like ``"10:30"``, or the column that holds the start.
    :param window: narrower calling hours: ``open``, ``close``, ``days``, ``timezone``, ``holidays``, ``outside``.
    :param limits: ``max_calls``, ``per_number``.
    :param suppress: SQL of the query of numbers that must not be called, or its file; templated as ``contacts``.
    :param follow_up: call only those whose call in another campaign ended in a given way.
    :param approval: when a person has to approve: ``above``, ``unusual``, ``wait``; None for never.
    :param backfill: whether a backfill calls: ``mode``, ``max_age``.
    :param late: what a scheduled run does that begins long after it was due: ``after``, ``then``.
    :param on_unknown: ``hold`` or ``resend`` for each endpoint.
    :param on_held: ``fail`` (default) or ``succeed`` when calls are held, after the results are pushed.
    :param notify: who is told what, by which notifier.
    :param correlation_key: flow variable that carries the client-identifier; None for none.
    :param results_table: table that the results are written to, with its schema if it needs one.
    :param phonon_conn_id: connection to Phonon.
    :param warehouse_conn_id: connection to the warehouse.
    :param ledger_conn_id: connection to the ledger.
    :param dry_run: plan and validate, send nothing. The attribute is ``dry_run_only``.
    :param limit: at most so many calls in a run, those that an earlier run of the interval left pending included.
    :param test_numbers: call these instead of the contacts, one call each, with api-version TEST.
    :raises ConfigurationError: names every argument that cannot be used, those that nothing would use included.
    """

    template_fields = ("contacts", "suppress")
    sql_fields = {"contacts": "contacts", "suppress": "suppress"}  # noqa: RUF012 - as below
    template_ext = (".sql",)
    template_fields_renderers = {"contacts": "sql", "suppress": "sql"}  # noqa: RUF012 - Airflow's own form

    def __init__(  # noqa: PLR0913 - the keys of a campaign file
        self,
        *,
        task_id: str,
        contacts: str,
        contact_id: str,
        numbers: Sequence[str],
        flow_id: str,
        name: str | None = None,
        description: str | None = None,
        numbers_kind: NumbersKind | None = None,
        variables: Mapping[str, str] | None = None,
        purpose: Purpose | str | None = None,
        endpoint: Endpoint | str | None = None,
        start_at: str | None = None,
        window: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        suppress: str | None = None,
        follow_up: Mapping[str, Any] | None = None,
        approval: Mapping[str, Any] | Usual | None = USUAL,
        backfill: Mapping[str, Any] | None = None,
        late: Mapping[str, Any] | None = None,
        on_unknown: Mapping[str, str] | None = None,
        on_held: OnHeld | str | None = None,
        notify: Sequence[Mapping[str, Any]] | None = None,
        correlation_key: str | None = "ClientIdentifier",
        results_table: str = "phonon_call_results",
        phonon_conn_id: str = "phonon_default",
        warehouse_conn_id: str = "warehouse",
        ledger_conn_id: str = "phonon_ledger",
        dry_run: bool = False,
        limit: int | None = None,
        test_numbers: Sequence[str | int] = (),
        **kwargs: Any,
    ) -> None:
        given = locals() | kwargs
        keys = {key: given.get(key, USUAL) for key in OPERATORS_KEYS}
        airflows = {key: value for key, value in kwargs.items() if key in AIRFLOWS_OWN or key.startswith("_")}
        dag = kwargs.get("dag")
        self._name_is_given = name is not None
        campaign = campaign_of(
            keys
            | {"name": (f"{dag.dag_id}.{task_id}" if dag else task_id) if name is None else name}
            | {key: value for key, value in kwargs.items() if key not in airflows},
            task_id=task_id,
            problems=[
                *wrong_start(dry_run=dry_run, limit=limit, test_numbers=test_numbers),
                *unused_defaults(kwargs.get("default_args") or {}),
            ],
            name_is_given=self._name_is_given,
        )
        if campaign.description:
            airflows.setdefault("doc", campaign.description)
        super().__init__(campaign=campaign, task_id=task_id, **airflows)
        for key, value in keys.items():
            setattr(self, key, value)
        if name is None:
            # Two Dags may have a task of the same name, and must not take each other's contacts for called.
            self.name = f"{self.dag_id}.{self.task_id}" if self.has_dag() else self.task_id
        self.outlets.append(results_asset(self.campaign.name))
        self.dry_run_only = dry_run
        self.limit = limit
        self.test_numbers = tuple(test_numbers)

    @property
    def campaign(self) -> Campaign:
        """The campaign that the attributes describe as they are now.

        The two queries are those of the arguments: the attributes hold what Airflow made of them.
        """
        queries = {"contacts": self._campaign.contacts, "suppress": self._campaign.suppress}
        return campaign_of(
            {key: getattr(self, key) for key in OPERATORS_KEYS} | queries,
            task_id=self.task_id,
            name_is_given=self._name_is_given,
        )

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Plan, send, push; gives the counts by status and by code. Fails when sending stopped."""
        with airflow_errors():
            run = self.run_of(context)
        try:
            with airflow_errors():
                decision = self.extract_and_batch(run, self.contacts, self.suppress)[DECISION]
        except BaseException as error:
            self._push_what_there_is(context, run, error)
            raise
        context["ti"].xcom_push(DECISION, decision)
        return self._send_and_push(context, run, decision)

    def answered(self, context: Mapping[str, Any], claimed: int, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on with a person's answer; fails if it is no."""
        with airflow_errors():
            run = self.run_of(context)
        try:
            with airflow_errors():
                carry_out(self, context, run, claimed=claimed, event=event)
        except BaseException as error:
            self._push_what_there_is(context, run, error)
            raise
        return self._send_and_push(context, run, context["ti"].xcom_pull(task_ids=self.task_id, key=DECISION))

    def run_of(self, context: Mapping[str, Any]) -> Run:
        """Describe this run, as the operator's arguments say, or the parameters of those names that the Dag has."""
        params = context["params"]
        start: dict[str, Any] = {
            "dry_run": self.dry_run_only or (params.get("dry_run") or False),
            "limit": params.get("limit") if self.limit is None else self.limit,
            "test_numbers": self.test_numbers or params.get("test_numbers") or (),
        }
        problems = wrong_start(**start)
        if problems:
            listed = "\n".join(f"- {problem}" for problem in problems)
            raise ConfigurationError(f"The run has parameters that cannot be used:\n{listed}")
        run = run_of(context, **start, numbers_kind=self.campaign.numbers_kind)
        run = replace(run, task=self._name_in_run(context))
        dag_run = context["dag_run"]
        return as_due(as_backfill(run, self.campaign, dag_run), self.campaign, dag_run)

    def _name_in_run(self, context: Mapping[str, Any]) -> str:
        """Name this task among those that may have the same campaign: its mapped copies, and other operators."""
        dag = f"{self.dag_id}." if self.has_dag() else ""
        return f"{dag}{self.task_id}[{getattr(context['ti'], 'map_index', -1)}]"

    def _send_and_push(self, context: Mapping[str, Any], run: Run, decision: str) -> dict[str, Any]:
        try:
            with airflow_errors():
                summary = self.send(context, run)
        except TaskAwaitingInput:
            raise
        except BaseException as error:
            self._push_what_there_is(context, run, error)
            raise
        with self.telling_of_failure(context, run), airflow_errors():
            pushed = self.push_results(run, outcome_of(summary))
        context["outlet_events"][results_asset(self.campaign.name)].extra = {
            "campaign": self.campaign.name,
            "interval_key": run.interval_key,
            **counts_of(pushed.totals),
            REASONS: dict(pushed.reasons),
            DECISION: decision,
        }
        self._tell(context, run, pushed, summary)
        summary = _of_task(summary, pushed)
        if summary["stop"]:
            _report(context, summary)
            raise AirflowFailException(summary["message"])
        if summary["held"]:
            with self.job(run, warehouse=False) as job:
                held = job.held()
            _report(context, summary)
            end_with_held(self.campaign, held, self.log, task_id=self.task_id)
        return summary

    def _tell(self, context: Mapping[str, Any], run: Run, pushed: Pushed, summary: Mapping[str, Any]) -> None:
        """Tell people what came of the run: what waits for them first."""
        told = told_of(self.campaign, run)
        if summary["held"]:
            self.announce(context, held_notice(told, summary))
        if summary["stop"]:
            self.announce(context, stopped_notice(told, summary))
        finished = finished_of(self.campaign, run, pushed, summary, failed="")
        self.announce(context, finished, stop=summary["stop"])

    def _push_what_there_is(self, context: Mapping[str, Any], run: Run, error: BaseException) -> None:
        """Push although the run failed; what it failed of is the error to show, not this."""
        is_told = bool(self.campaign.notify) and is_last_try(context, error)
        said = str(error) if isinstance(error, AirflowException) else f"It failed of a {type(error).__name__}."
        try:
            pushed = self.push_results(run, outcome_of({}))
        except PhononError as unwritten:
            self.log.warning("The results could not be written either: %s", unwritten)
            _report(context, failed_report(self.campaign.name, run, said, None))
            both = f"{said}\nThe results could not be written either: {unwritten}"
            notice = not_pushed_notice(told_of(self.campaign, run), error=both, task_id=self.task_id)
        else:
            _report(context, _of_task(failed_report(self.campaign.name, run, said, pushed.totals), pushed))
            failed = f"{said}\nWhen it is mended, clear {self.task_id}: it takes up what is left."
            notice = finished_of(self.campaign, run, pushed, {}, failed=failed)
        if is_told:
            self.announce(context, notice)


def _report(context: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Give the run's report to later tasks although this one fails: Airflow stores only what a task returns."""
    context["ti"].xcom_push(BaseXCom.XCOM_RETURN_KEY, dict(summary))


def _of_task(report: Mapping[str, Any], pushed: Pushed) -> dict[str, Any]:
    """Turn a report on an interval into one on a task: of what it has planned, and the ``interval`` beside it."""
    own = pushed.task or pushed.totals
    return {
        **report,
        "by_status": {status: count for status, count in counts_of(own).items() if count},
        "by_code": {str(code): count for code, count in own.by_code.items()},
        "interval": {key: report[key] for key in ("by_status", "by_code")},
    }
