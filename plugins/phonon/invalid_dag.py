"""The Dag of a broken campaign file: it fails when the campaign would have called, so that somebody sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException

from phonon.campaign.loading import BrokenCampaign
from phonon.campaign.notices import invalid_notice
from phonon.campaign.notification import Notification
from phonon.campaign.schedule import AssetSchedule
from phonon.operators.context import interval_key
from phonon.operators.notifying import announce

INVALID_CAMPAIGN = "invalid_campaign"

_CUT_OFF = (
    "Put the file right; until then nobody is called by this campaign. A run that was under way when the file "
    "broke was cut off: clear it once the file is right. It takes up what is left and calls nobody twice. To find "
    "mistakes before they are live, run: phonon campaigns check."
)


class InvalidCampaignOperator(BaseOperator):
    """Fails with what is wrong with a campaign file, and tells the people whom the file names."""

    def __init__(self, *, error: str, notify: tuple[Notification, ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error
        self.notify = notify

    def execute(self, context: Mapping[str, Any]) -> None:
        """Tell people and fail."""
        text = f"{self.error}\n\n{_CUT_OFF}"
        # A line of the log for each of the error's: Airflow shows the text of an exception as one.
        for line in text.splitlines():
            self.log.error("%s", line)
        dag_run = context["dag_run"]
        notice = invalid_notice(self.dag_id, interval_key(dag_run), dag_run.run_id, text=text)
        announce(self, context, notice, self.log)
        raise AirflowFailException(self.error)


def invalid_dag(found: BrokenCampaign, description: str) -> DAG:
    """Make the Dag of a broken file, with as much of the campaign's schedule as could be read.

    With the campaign's own name it is the campaign's Dag to Airflow: live if that was live, paused if it was not.
    One that is named after its file has nobody who would unpause it, and is never the Dag of a sound campaign.
    """
    remains = found.remains
    with DAG(
        found.name,
        description=description,
        doc_md=_doc(found, description),
        schedule=_schedule(found),
        start_date=datetime.combine(remains.start_date, time(), remains.timezone) if remains.start_date else None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=None if found.name == remains.name else False,
        tags=["phonon", "invalid"],
        default_args={"owner": remains.owner},
    ) as dag:
        InvalidCampaignOperator(task_id=INVALID_CAMPAIGN, error=found.error, notify=remains.notify)
    return dag


def _doc(found: BrokenCampaign, description: str) -> str:
    # Indented: a block that nothing in the error can end.
    error = "\n".join(f"    {line}" for line in found.error.splitlines())
    return f"**{description}**\n\n{error}\n\n{_CUT_OFF}\n"


def _schedule(found: BrokenCampaign) -> Any:
    schedule = found.remains.schedule
    if isinstance(schedule, AssetSchedule):
        return [Asset(schedule.name or schedule.asset, schedule.asset)]
    if schedule is None or schedule == "@once":
        return schedule
    return CronTriggerTimetable(schedule, timezone=found.remains.timezone.key)
