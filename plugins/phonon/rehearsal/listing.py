"""The campaigns of a folder, as rows of a table or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phonon.campaign.loading import BrokenCampaign
from phonon.campaign.model import Campaign
from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule, Schedule

_TITLES = ("name", "schedule", "purpose", "hours", "endpoint", "state")


def listed(found: Sequence[Campaign | BrokenCampaign]) -> list[dict[str, Any]]:
    """A mapping for each campaign; one that is invalid has just its name, file, state and error."""
    return [_broken(each) if isinstance(each, BrokenCampaign) else _valid(each) for each in found]


def listing(found: Sequence[Campaign | BrokenCampaign]) -> str:
    """A table for people."""
    if not found:
        return "There are no campaigns in this folder."
    rows = [_row(each) for each in listed(found)]
    invalid = sum(isinstance(each, BrokenCampaign) for each in found)
    total = f"{len(found)} campaigns, {invalid} of them invalid" if invalid else f"{len(found)} campaigns"
    return "\n".join([table(_TITLES, rows), total])


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *rows)
    )


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    state = f"invalid: {_first_line(each['error'])}" if each["state"] == "invalid" else each["state"]
    return (*(each.get(title, "") or "" for title in _TITLES[:-1]), state)


def _valid(campaign: Campaign) -> dict[str, Any]:
    return {
        "name": campaign.name,
        "schedule": _told(campaign.schedule),
        "purpose": campaign.purpose.value,
        "hours": str(campaign.calling_window),
        "endpoint": campaign.endpoint.value,
        "state": "valid",
    }


def _broken(broken: BrokenCampaign) -> dict[str, Any]:
    return {"name": broken.name, "file": str(broken.path), "state": "invalid", "error": broken.error}


def _told(schedule: Schedule) -> str | None:
    if isinstance(schedule, AssetSchedule):
        return f"asset {schedule.asset}"
    if isinstance(schedule, NewRowsSchedule):
        return f"new rows of {schedule.new_rows.table or 'a query'}"
    return schedule


def _first_line(error: str) -> str:
    """What is wrong first: the line after the excerpt of the first problem, with its place."""
    title, _, problems = error.partition("\n\n")
    if not problems:
        return title
    first = problems.split("\n\n")[0].splitlines()
    return f"{first[0]}: {first[-1]}"
