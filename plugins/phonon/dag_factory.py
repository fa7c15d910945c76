"""Campaign files become Dags: one each, also when a file is broken."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    BaseOperator,
    CronTriggerTimetable,
    Label,
    PartitionedAssetTimetable,
    get_parsing_context,
)

from phonon.api.codes import ACCOUNT_CODES, CONFIGURATION_CODES, Means, codes_of, listed
from phonon.campaign.backfill import BackfillMode
from phonon.campaign.loading import BrokenCampaign, find_campaign, find_campaigns
from phonon.campaign.model import Campaign
from phonon.campaign.remains import remains_of_campaign
from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule
from phonon.dag_documentation import documentation
from phonon.errors import ConfigurationError
from phonon.invalid_dag import invalid_dag
from phonon.operators.new_rows import new_rows_asset
from phonon.operators.steps import (
    ACCEPTED,
    APPROVE,
    EXTRACT_AND_BATCH,
    FIX_CONFIGURATION,
    REVIEW_HELD,
    REVIEW_REFUSED,
    TOP_UP,
    TRIGGER_CALLS,
    ApproveOperator,
    BranchOnResponseOperator,
    ExtractAndBatchOperator,
    PushResultsOperator,
    ReviewHeldOperator,
    ReviewOperator,
    StopOperator,
    TriggerCallsOperator,
)
from phonon.trigger_form import parameters

_RETRY = {"retry_delay": timedelta(seconds=15), "retry_exponential_backoff": True}

_NO_BACKFILLS = ("scheduled", "manual", "operator_triggered", "asset_triggered", "asset_materialization")
"""What may start a run of a campaign that refuses backfills: Airflow's run types without theirs."""


def campaign_dags(folder: Path, *, include: Path) -> dict[str, DAG]:
    """Make the Dags of a folder of campaign files, by Dag id; only the needed one, where Airflow names it."""
    needed = get_parsing_context().dag_id
    campaign = find_campaign(folder, needed, include=include) if needed else None
    if campaign is not None:
        return {campaign.name: _dag_of(campaign)}
    return {found.name: _dag_of(found) for found in find_campaigns(folder, include=include)}


def _dag_of(found: Campaign | BrokenCampaign) -> DAG:
    if isinstance(found, BrokenCampaign):
        return invalid_dag(found, f"The campaign file {found.path.name} is invalid.")
    try:
        return campaign_dag(found)
    except ConfigurationError as error:
        broken = BrokenCampaign(found.name, Path(), str(error), remains_of_campaign(found))
        return invalid_dag(broken, f"Airflow refuses the campaign {found.name}.")


def campaign_dag(campaign: Campaign) -> DAG:
    """Make the Dag of one campaign."""
    zone = campaign.calling_window.timezone
    with DAG(
        campaign.name,
        description=campaign.description,
        schedule=_schedule(campaign),
        start_date=datetime.combine(campaign.start_date, time(), zone) if campaign.start_date else None,
        catchup=False,
        max_active_runs=1,
        # With a versioned bundle a cleared task would run by its run's old file: a mended one is meant to count.
        rerun_with_latest_version=True,
        allowed_run_types=_NO_BACKFILLS if campaign.backfill.mode is BackfillMode.REFUSE else None,
        tags=["phonon", campaign.purpose.value],
        params=parameters(campaign),
        default_args={"owner": campaign.owner},
    ) as dag:
        _add_tasks(campaign)
    dag.doc_md = documentation(campaign, dag.task_ids)
    return dag


def _add_tasks(campaign: Campaign) -> None:
    extract = ExtractAndBatchOperator(task_id=EXTRACT_AND_BATCH, campaign=campaign, retries=1, **_RETRY)
    trigger = _senders(campaign)
    branch = BranchOnResponseOperator(task_id="branch_on_response")
    push = PushResultsOperator(
        task_id="push_results", campaign=campaign, trigger_rule="all_done", retries=3, **_RETRY
    )
    if campaign.has_gate:
        extract >> ApproveOperator(task_id=APPROVE, campaign=campaign, retries=3, **_RETRY) >> trigger
    extract >> trigger >> branch
    trigger >> push
    branches: dict[str, tuple[BaseOperator, str]] = {
        ACCEPTED: (ReviewOperator(task_id=ACCEPTED, campaign=campaign), "200, 202 Accepted, 201 after silence"),
        REVIEW_REFUSED: (
            ReviewOperator(task_id=REVIEW_REFUSED, campaign=campaign),
            f"{listed(codes_of(Means.BAD_CALL))}; {listed(codes_of(Means.FAILED, Means.PASSING))} repeated",
        ),
        REVIEW_HELD: (ReviewHeldOperator(task_id=REVIEW_HELD, campaign=campaign), "no clear answer, 209, 201"),
        TOP_UP: (StopOperator(task_id=TOP_UP, campaign=campaign), listed(ACCOUNT_CODES)),
        FIX_CONFIGURATION: (
            StopOperator(task_id=FIX_CONFIGURATION, campaign=campaign),
            f"{listed(CONFIGURATION_CODES)}, 403",
        ),
    }
    for task, label in branches.values():
        branch >> Label(label) >> task
    # What ends the run comes after its results are in the warehouse; where they are not, no branch is reached, and
    # so the run fails: Airflow looks at the last tasks only.
    push >> [task for task, _ in branches.values()]


def _senders(campaign: Campaign) -> Any:
    """The task that sends; with several shards it is mapped over them."""
    arguments: dict[str, Any] = {"task_id": TRIGGER_CALLS, "campaign": campaign, "retries": 2, **_RETRY}
    if campaign.shards == 1:
        return TriggerCallsOperator(**arguments)
    return TriggerCallsOperator.partial(**arguments).expand(shard=list(range(campaign.shards)))


def _schedule(campaign: Campaign) -> Any:
    """The schedule, on the clocks of the calling window.

    The timetable is named rather than left to Airflow's configuration: were that changed, the same morning's
    run would have another data interval, and people would be claimed and called again.
    """
    schedule = campaign.schedule
    if isinstance(schedule, AssetSchedule):
        asset = _asset(campaign.name, schedule)
        return PartitionedAssetTimetable(assets=asset) if schedule.partitioned else [asset]
    if isinstance(schedule, NewRowsSchedule):
        return [new_rows_asset(campaign.name, schedule.new_rows, campaign.warehouse_conn_id)]
    if schedule is None or schedule == "@once":
        return schedule
    return CronTriggerTimetable(schedule, timezone=campaign.calling_window.timezone.key)


def _asset(campaign: str, schedule: AssetSchedule) -> Asset:
    try:
        return Asset(schedule.name or schedule.asset, schedule.asset)
    except ValueError as error:  # of a URI's scheme: what it has to name is known to Airflow's providers
        raise ConfigurationError(
            f"Campaign {campaign}, schedule.asset: Airflow does not take the URI {schedule.asset!r}: {error}. Give "
            "one that names everything its scheme wants, as the Dag that updates the asset does."
        ) from error
