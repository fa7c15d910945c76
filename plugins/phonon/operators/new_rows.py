"""The asset of a campaign's new rows: the trigger that updates it, and what its events tell a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher

from phonon.campaign.model import Campaign
from phonon.campaign.schedule import NewRows, NewRowsSchedule
from phonon.cursor_value import RowRange

if TYPE_CHECKING:
    from phonon.campaign.run import Run


def new_rows_asset(campaign: str, watch: NewRows, warehouse_conn_id: str) -> Asset:
    """The asset, with the watcher that Airflow's triggerer runs."""
    from phonon.triggers.new_rows import NewRowsTrigger  # noqa: PLC0415 - only campaigns that watch something pay for it

    trigger = NewRowsTrigger(
        watched=watch.key_of(campaign),
        campaign=campaign,
        warehouse_conn_id=warehouse_conn_id,
        table=watch.table,
        query=watch.query,
        cursor=watch.cursor,
        every=watch.every.total_seconds(),
        settle=watch.settle.total_seconds(),
    )
    return Asset(_uri(campaign), watchers=[AssetWatcher(name="new_rows", trigger=trigger)])


def with_new_rows(run: Run, context: Mapping[str, Any], campaign: Campaign) -> Run:
    """The run, with what the events that started it tell of new rows.

    An event of another source than the trigger, or of what was watched before the campaign changed, tells nothing.
    """
    if not isinstance(campaign.schedule, NewRowsSchedule):
        return run
    watched = campaign.schedule.new_rows.key_of(campaign.name)
    events = context["triggering_asset_events"].get(Asset(_uri(campaign.name)), ())
    payloads = [event.extra.get("payload") for event in events]
    told = [
        RowRange.from_json(payload)
        for payload in payloads
        if isinstance(payload, Mapping) and payload.get("watched") == watched
    ]
    return replace(run, new_rows=RowRange.spanning(told))


def _uri(campaign: str) -> str:
    return f"phonon://{campaign}/new_rows"
