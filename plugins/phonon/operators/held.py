"""How a run ends that leaves calls held: whether Phonon accepted them, a person has to find out."""

from __future__ import annotations

from collections.abc import Sequence
from logging import Logger
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowFailException

from phonon.campaign.model import Campaign
from phonon.campaign.parts import OnHeld
from phonon.wording import counted, in_zone

if TYPE_CHECKING:
    from phonon.ledger.report import HeldBatch


def held_line(batch: HeldBatch, zone: ZoneInfo) -> str:
    """Say of one batch what a person needs to find it in Phonon's report."""
    sent = f", sent at {in_zone(batch.sent_at, zone)}" if batch.sent_at else ""
    request = f", request-id {batch.request_id}" if batch.request_id else ""
    return f"Batch {batch.id} is held: {counted(batch.calls, 'call')}{sent}{request}: {batch.reason}"


def end_with_held(campaign: Campaign, held: Sequence[HeldBatch], log: Logger, *, task_id: str) -> None:
    """End a task of a run whose calls are held, if any are: as ``on_held`` says, with what a person does about it.

    :param task_id: the task that is cleared when everything is settled.
    :raises AirflowFailException: unless the campaign lets such a run succeed.
    """
    if not held:
        return
    calls = counted(sum(batch.calls for batch in held), "call")
    text = (
        f"Settle the {calls} held, with the Dag phonon_held_batches or from 'phonon held list' on.\n"
        f"They were sent in {counted(len(held), 'batch', 'batches')} and had no clear answer: nobody knows whether "
        "Phonon accepted them, so they are not sent again. Everything else of the run is done, and its results are "
        f"in the warehouse. When they are settled, clear {task_id}: it succeeds then."
    )
    if campaign.on_held is OnHeld.SUCCEED:
        log.warning("%s", text)
        return
    raise AirflowFailException(f"{text}\nTo let such runs succeed, set on_held: succeed in the campaign.")
