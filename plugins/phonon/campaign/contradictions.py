"""Settings of a campaign that are fine one by one, and together can never do what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from phonon.calling_window import NO_HOLIDAYS, CallingWindow, Outside
from phonon.campaign.schedule import NewRowsSchedule
from phonon.campaign.shapes import clash
from phonon.campaign.start import StartNow

if TYPE_CHECKING:
    from phonon.campaign.model import Campaign

_FIRST_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - on the wall of whatever zone. Fixed: valid today, valid tomorrow
_LOOKED_AT = timedelta(days=400)
_MOST_RUNS = 5_000


def check_contradictions(campaign: Campaign) -> None:
    """Refuse what contradicts itself.

    :raises PydanticCustomError: that names the key to change.
    """
    _check_approval(campaign)
    _check_follow_up(campaign)
    _check_dropping(campaign)


def _check_approval(campaign: Campaign) -> None:
    above = campaign.approval.above if campaign.approval else None
    most = campaign.limits.max_calls
    if above is not None and most is not None and above >= most:
        raise clash(
            f"Nobody would ever be asked: approval is for more than {above} calls, and max_calls lets no run have "
            f"more than {most}. Give a smaller number, or null to ask for the unusual only.",
            at=["approval", "above"],
        )


def _check_follow_up(campaign: Campaign) -> None:
    if campaign.follow_up is not None and isinstance(campaign.schedule, NewRowsSchedule):
        raise clash(
            "A run for new rows gets each row once, when it is new; a follow-up waits for time to pass, and would "
            "not see the row again. Give a cron expression as the schedule.",
            at=["follow_up"],
        )


def _check_dropping(campaign: Campaign) -> None:
    """A schedule that only starts outside the hours, of a campaign that drops what is outside."""
    drops = campaign.window.outside is Outside.DROP and isinstance(campaign.start_at, StartNow)
    if drops and isinstance(campaign.schedule, str) and campaign.schedule != "@once":
        window = replace(campaign.calling_window, holidays=NO_HOLIDAYS)
        if not _may_start_inside(campaign.schedule, window):
            raise clash(
                f"Every contact would be dropped: the schedule {campaign.schedule} starts no run inside {window}. "
                "Move the schedule into these hours, or let outside be next_window.",
                at=["window", "outside"],
            )


def _may_start_inside(cron: str, window: CallingWindow) -> bool:
    # Reading a folder of campaigns stays cheap where none of them drops calls.
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - for the reason above

    first = _FIRST_DAY.replace(tzinfo=window.timezone)
    starts = croniter(cron, first)
    for _ in range(_MOST_RUNS):
        at = starts.get_next(datetime)
        if window.is_open(at):
            return True
        if at > first + _LOOKED_AT:
            return False
    return True
