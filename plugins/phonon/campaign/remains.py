"""What can still be read of a campaign file that is broken: enough to fail at the right time, and to say so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import TypeAdapter, ValidationError

from phonon.campaign.document import Document
from phonon.campaign.model import Campaign
from phonon.campaign.notification import Notification
from phonon.campaign.problems import CampaignError
from phonon.campaign.purposes import INDIA
from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule, Schedule
from phonon.campaign.shapes import CalendarDate, DagId, Line, Timezone

HOURLY = "0 * * * *"
"""When the Dag of a broken file fails if nobody can tell when its campaign would run."""

_TOP_LINE = re.compile(r"(name|schedule|owner):(?: .*|)")
"""A line of a file that is no YAML any more, and that can still be read by itself."""

_NAME: TypeAdapter[str] = TypeAdapter(DagId)
_OWNER: TypeAdapter[str] = TypeAdapter(Line)
_SCHEDULE: TypeAdapter[Any] = TypeAdapter(Schedule)
_START: TypeAdapter[date] = TypeAdapter(CalendarDate)
_ZONE: TypeAdapter[ZoneInfo] = TypeAdapter(Timezone)
_NOTIFICATION: TypeAdapter[Notification] = TypeAdapter(Notification)


@dataclass(frozen=True)
class Remains:
    """The readable keys of a broken campaign file; each has its default where it cannot be read."""

    name: str | None = None
    schedule: str | AssetSchedule | None = HOURLY
    """Hourly where the file's own cannot be read, and for new rows: a run that fails must not use them up."""
    timezone: ZoneInfo = INDIA
    start_date: date | None = None
    owner: str = "airflow"
    notify: tuple[Notification, ...] = ()


def remains_of(path: Path) -> Remains:
    """Read what can be read. Never raises."""
    try:
        values: Mapping[str, Any] = Document.read(path).values
    except CampaignError:
        values = _readable_lines(path)
    except Exception:  # noqa: BLE001 - whatever one file does must not take the others down
        return Remains()
    window = values.get("window")
    zone = window.get("timezone") if isinstance(window, Mapping) else None
    name = _read(_NAME, values.get("name"))
    return Remains(
        name=name,
        schedule=HOURLY if name is None else _schedule(values),
        timezone=_read(_ZONE, zone) or INDIA,
        start_date=_read(_START, values.get("start_date")),
        owner=_read(_OWNER, values.get("owner")) or "airflow",
        notify=_notifications(values.get("notify")),
    )


def remains_of_campaign(campaign: Campaign) -> Remains:
    """The same of a campaign whose schedule alone cannot be used."""
    return Remains(
        name=campaign.name,
        timezone=campaign.calling_window.timezone,
        start_date=campaign.start_date,
        owner=campaign.owner,
        notify=campaign.notify,
    )


def _readable_lines(path: Path) -> dict[str, Any]:
    """The keys at the left edge of a file that YAML cannot read, each line by itself."""
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return {}
    values: dict[str, Any] = {}
    for line in filter(_TOP_LINE.fullmatch, text.splitlines()):
        try:
            found = yaml.safe_load(line)
        except (yaml.YAMLError, ValueError):
            continue
        values |= found
    return values


def _schedule(values: Mapping[str, Any]) -> str | AssetSchedule | None:
    if "schedule" not in values:
        # Left out, it means none, unless a key that is no campaign's may be its misspelling.
        is_left_out = values.keys() <= {*Campaign.model_fields, *filter(_is_extension, values)}
        return None if is_left_out and "contacts" in values else HOURLY
    try:
        schedule = _SCHEDULE.validate_python(values["schedule"])
    except ValidationError:
        return HOURLY
    if isinstance(schedule, NewRowsSchedule):
        return HOURLY
    found: str | AssetSchedule | None = schedule
    return found


def _is_extension(key: str) -> bool:
    return key.startswith("x-")


def _notifications(value: Any) -> tuple[Notification, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    read = (_read(_NOTIFICATION, each) for each in value)
    return tuple(each for each in read if each is not None)


def _read(adapter: TypeAdapter[Any], value: Any) -> Any:
    """The value, or None if it is missing or not what it should be."""
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None
