"""What starts the runs of a campaign: the clock, an asset, or nobody but a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from phonon.campaign.shapes import AssetUri, wrong

PRESETS = ("@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Airflow's names for common schedules. ``@continuous`` is not among them: it would call without a pause."""

_EXPECTED = 'a cron expression in quotes like "0 9 * * MON-SAT", a preset like "@daily", {asset: <uri>} or null'

_RANDOM = r"(?<![A-Za-z])[Rr](?![A-Za-z])"
"""To croniter, R is any time at random: Airflow would decide anew each time that it reads the schedule."""

_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class AssetSchedule(BaseModel):
    """A run starts whenever the asset is updated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: AssetUri = Field(
        description="URI of the Airflow asset whose updates start a run.",
        examples=["duckdb://warehouse/renewals"],
    )


def _cron(text: str) -> str:
    if text in PRESETS:
        return text
    if text.lower() in {"none", "null", "~", ""}:
        raise wrong("null (without quotes) for a campaign that only a person starts")
    if text.startswith("@"):
        raise wrong("one of Airflow's presets " + ", ".join(PRESETS), choices=PRESETS)
    if len(text.split()) not in (5, 6) or re.search(_RANDOM, text):
        raise wrong(_EXPECTED)
    # Reading a folder of campaigns stays cheap where none of them has a cron.
    # The stubs of croniter are a package of their own, which is not among the requirements.
    from croniter import (  # type: ignore[import-untyped]  # noqa: PLC0415 - imported late for the reason above
        CroniterBadDateError,
        croniter,
    )

    try:
        croniter(text, _SOME_DAY).get_next(datetime)
    except CroniterBadDateError as error:
        raise wrong("a cron expression that comes due some day; this one never does") from error
    except ValueError as error:
        raise wrong(_EXPECTED) from error
    return text


def _kind(value: object) -> str | None:
    if isinstance(value, str):
        return "<clock>"
    if isinstance(value, Mapping | AssetSchedule):
        return "<asset>"
    return "<nobody>" if value is None else None


Schedule: TypeAlias = Annotated[
    Annotated[str, AfterValidator(_cron), Tag("<clock>")]
    | Annotated[AssetSchedule, Tag("<asset>")]
    | Annotated[None, Tag("<nobody>")],
    Discriminator(
        _kind,
        custom_error_type="wrong",
        custom_error_message="expected {expected}",
        custom_error_context={"expected": _EXPECTED},
    ),
]
"""Cron expression or preset, asset, or None. Tags are in angle brackets: no key of a file can be taken for one."""
