"""The operator for Dags that people write themselves: a whole campaign in one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskAwaitingInput

from phonon.campaign.notices import held_notice, not_pushed_notice, stopped_notice
from phonon.errors import PhononError
from phonon.operators.asking import carry_out
from phonon.operators.context import airflow_errors, run_of
from phonon.operators.decisions import DECISION, as_backfill
from phonon.operators.keywords import AIRFLOWS_OWN, campaign_of, wrong_start
from phonon.operators.notifying import is_last_try, told_of
from phonon.operators.steps import (
    CampaignOperator,
    counts_of,
    finished_of,
    outcome_of,
    results_asset,
)

if TYPE_CHECKING:
    from phonon.campaign.results import Pushed
    from phonon.campaign.run import Run


class PhononOutboundOperator(CampaignOperator):
    """Call the contacts that a query returns, once each, and write the outcome to the warehouse.

    Plans, sends and pushes as the Dag of a campaign file does, with the same promises; the results are pushed
    even when sending fails. Running the task again, after a crash or by clearing it, takes up what is left and
    calls nobody twice. The keyword arguments are the keys of a campaign file, but for ``schedule``, which is the
    Dag's, and ``shards``; those of Airflow's own (``owner``, ``start_date``) go to Airflow.

    :param name: name of the campaign, under which contacts are claimed. Default: the ids
        of Dag and task, with a dot between.
    :param contacts: SQL of the contacts query, templated; or the path of an ``.sql`` file, found as Airflow
        finds template files.
    :param contact_id: column that names the contact.
    :param numbers: columns of phone numbers, tried in this order.
    :param flow_id: id of the Phonon flow.
    :param variables: flow variable -> column.
    :param suppress: SQL of the query of numbers that must not be called, or its file; templated as ``contacts``.
    :param dry_run: plan and validate, send nothing.
    :param limit: at most so many calls in a run, those that an earlier run of the interval left pending included.
    :param test_numbers: call these instead of the contacts, one call each, with api-version TEST.
    :param description: what the campaign is for; the task's ``doc`` in the UI, unless that is given.
    :param campaign_keys: every other key of a campaign file: ``purpose``, ``endpoint``, ``start_at``, ``window``,
        ``limits``, ``approval``, ``backfill``, ``on_unknown``, ``notify``, ``correlation_key``, ``results_table``,
        ``phonon_conn_id``, ``warehouse_conn_id``, ``ledger_conn_id``.
    """

    template_fields = ("contacts", "suppress")
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
        variables: Mapping[str, str] | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        test_numbers: Sequence[str | int] = (),
        **kwargs: Any,
    ) -> None:
        airflows = {key: value for key, value in kwargs.items() if key in AIRFLOWS_OWN or key.startswith("_")}
        campaign = campaign_of(
            {
                "name": task_id if name is None else name,
                "contacts": contacts,
                "contact_id": contact_id,
                "numbers": numbers,
                "variables": {} if variables is None else variables,
                "flow_id": flow_id,
                **{key: value for key, value in kwargs.items() if key not in airflows},
            },
            task_id=task_id,
            problems=wrong_start(dry_run=dry_run, limit=limit, test_numbers=test_numbers),
        )
        if campaign.description:
            airflows.setdefault("doc", campaign.description)
        super().__init__(campaign=campaign, task_id=task_id, **airflows)
        if name is None and self.has_dag():
            # Two Dags may have a task of the same name, and must not take each other's contacts for called.
            self.campaign = campaign.model_copy(update={"name": f"{self.dag_id}.{self.task_id}"})
        self.outlets.append(results_asset(self.campaign.name))
        self.contacts = contacts
        self.suppress = campaign.suppress
        self.dry_run_only = dry_run
        self.limit = limit
        self.test_numbers = tuple(test_numbers)

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
        """Describe this run, as the operator's arguments say."""
        run = run_of(context, dry_run=self.dry_run_only, limit=self.limit, test_numbers=self.test_numbers)
        return as_backfill(run, self.campaign, context["dag_run"])

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
            DECISION: decision,
        }
        self._tell(context, run, pushed, summary)
        if summary["stop"]:
            raise AirflowFailException(summary["message"])
        return summary

    def _tell(self, context: Mapping[str, Any], run: Run, pushed: Pushed, summary: Mapping[str, Any]) -> None:
        """Tell people what came of the run: what waits for them first."""
        told = told_of(self.campaign, run)
        if summary["held"]:
            self.announce(context, held_notice(told, summary))
        if summary["stop"]:
            self.announce(context, stopped_notice(told, summary))
        self.announce(context, finished_of(self.campaign, run, pushed, summary, failed=""))

    def _push_what_there_is(self, context: Mapping[str, Any], run: Run, error: BaseException) -> None:
        """Push although the run failed; what it failed of is the error to show, not this."""
        is_told = bool(self.campaign.notify) and is_last_try(context, error)
        said = str(error) if isinstance(error, AirflowException) else f"It failed of a {type(error).__name__}."
        try:
            pushed = self.push_results(run, outcome_of({}))
        except PhononError as unwritten:
            self.log.warning("The results could not be written either: %s", unwritten)
            both = f"{said}\nThe results could not be written either: {unwritten}"
            notice = not_pushed_notice(told_of(self.campaign, run), error=both, task_id=self.task_id)
        else:
            failed = f"{said}\nWhen it is mended, clear {self.task_id}: it takes up what is left."
            notice = finished_of(self.campaign, run, pushed, {}, failed=failed)
        if is_told:
            self.announce(context, notice)
