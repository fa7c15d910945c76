"""Campaigns that start each other: each fine by itself, together they would call without end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from phonon.campaign.schedule import AssetSchedule

if TYPE_CHECKING:
    from phonon.campaign.model import Campaign


def started_by(campaign: Campaign) -> str | None:
    """The campaign whose results start this one; None if something else does."""
    return campaign.schedule.results_of if isinstance(campaign.schedule, AssetSchedule) else None


def circle_of(name: str, campaigns: Mapping[str, Campaign]) -> list[str]:
    """The campaigns of the circle that a campaign is in, each started by the one before; empty if it is in none.

    A campaign that a circle would start, and that starts none of it, is in no circle.
    """
    backwards = [name]
    while True:
        before = started_by(campaigns[backwards[-1]])
        if before == name:
            return [name, *reversed(backwards[1:])]
        if before is None or before not in campaigns or before in backwards:
            return []
        backwards.append(before)


def told_circle(circle: list[str]) -> str:
    """Say what is wrong with it, and what to do."""
    around = " -> ".join([*circle, circle[0]])
    return (
        f"These campaigns would start each other, without end: {around}, each when the one before it has written "
        "its results. Give one of them another schedule: a cron expression, an asset that none of them updates, or "
        "null."
    )
