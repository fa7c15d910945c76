"""What starts the runs of a campaign: the clock, an asset, new rows, or nobody but a person."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    WithJsonSchema,
    model_validator,
)

from phonon.campaign.shapes import AssetUri, Column, Duration, Line, SqlQuery, TableName, clash, wrong

PRESETS = ("@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Airflow's names for common schedules. ``@continuous`` is not among them: it would call without a pause."""

_EXPECTED = (
    'a cron expression in quotes like "0 9 * * MON-SAT", a preset like "@daily", {asset: <uri>}, '
    "{new_rows: {...}} or null"
)

_RANDOM = r"(?<![A-Za-z])[Rr](?![A-Za-z])"
"""To croniter, R is any time at random: Airflow would decide anew each time that it reads the schedule."""

_PATTERN = (
    rf"^(?:{'|'.join(PRESETS)}|\s*(?:[0-9*,/?\-]+\s+){{2}}(?:[0-9A-Za-z*,/?#\-]+\s+){{2,3}}[0-9A-Za-z*,/?#\-]+\s*)$"
)
"""For editors: every preset and every cron expression, and few other texts. What counts is :func:`_cron`."""

_RESULTS = re.compile(r"(?i:phonon)://([^/?#]+)/results/*(?:#.*)?")
"""The URI of :func:`results_uri` in all writings that Airflow takes for the same."""

_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class AssetSchedule(BaseModel):
    """A run starts whenever the asset is updated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: AssetUri = Field(
        description="URI of the Airflow asset whose updates start a run.",
        examples=["duckdb://warehouse/renewals"],
    )
    name: Line | None = Field(
        default=None,
        description="The asset's name, if the Dags that update it name it otherwise than by its URI.",
        examples=["renewals"],
    )
    partitioned: StrictBool = Field(
        default=False,
        description="One run for each partition key that the asset is updated with, which is the run's interval.",
        examples=[True],
    )

    @property
    def results_of(self) -> str | None:
        """The campaign whose results the asset is; None if it is anything else."""
        found = _RESULTS.fullmatch(self.asset)
        return found[1] if found else None


class NewRows(BaseModel):
    """Rows that are new in a table, told by a column that only grows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: TableName | None = Field(
        default=None, description="The table of the warehouse that is watched.", examples=["leads"]
    )
    query: SqlQuery | None = Field(
        default=None,
        description="Instead of a table: a query whose rows are watched.",
        examples=["SELECT lead_id, created_at FROM leads WHERE product = 'motor'"],
    )
    cursor: Column = Field(
        description=(
            "A column that only grows: a number, date, timestamp or text. The contacts query has to return it too: "
            "a run gets the rows in which it has grown since the last one."
        ),
        examples=["created_at"],
    )
    every: Duration = Field(default=timedelta(seconds=30), description="How often to look.", examples=["30s", "5m"])
    settle: Duration = Field(
        default=timedelta(seconds=2),
        description=(
            "How long a new row waits for others that were written before it and become visible after it; longer "
            "than the longest transaction that writes rows."
        ),
        examples=["2s"],
    )

    @model_validator(mode="after")
    def _one_thing_is_watched(self) -> NewRows:
        if (self.table is None) == (self.query is None):
            raise clash("new_rows watches either a table or a query. Give one of the two.")
        return self

    def key_of(self, campaign: str) -> str:
        """Names what a campaign watches: another table, query or cursor begins anew, other pauses do not."""
        thing = f"table {self.table.lower()}" if self.table else f"query {' '.join((self.query or '').split())}"
        digest = hashlib.blake2b(f"{thing}\0{self.cursor}".encode(), digest_size=8).hexdigest()
        return f"{campaign}/{digest}"


class NewRowsSchedule(BaseModel):
    """A run starts when there are new rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    new_rows: NewRows = Field(
        description="New rows of a table or query start a run, which gets just these.",
        examples=[{"table": "leads", "cursor": "created_at", "every": "30s"}],
    )


def results_uri(campaign: str) -> str:
    """The URI of the asset that a campaign updates with its results."""
    return f"phonon://{campaign}/results"


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
    if isinstance(value, NewRowsSchedule) or (isinstance(value, Mapping) and "new_rows" in value):
        return "<rows>"
    if isinstance(value, Mapping | AssetSchedule):
        return "<asset>"
    return "<nobody>" if value is None else None


Schedule: TypeAlias = Annotated[
    Annotated[str, AfterValidator(_cron), WithJsonSchema({"type": "string", "pattern": _PATTERN}), Tag("<clock>")]
    | Annotated[AssetSchedule, Tag("<asset>")]
    | Annotated[NewRowsSchedule, Tag("<rows>")]
    | Annotated[None, Tag("<nobody>")],
    Discriminator(
        _kind,
        custom_error_type="wrong",
        custom_error_message="expected {expected}",
        custom_error_context={"expected": _EXPECTED},
    ),
]
"""What starts a run. Tags are in angle brackets: no key of a file can be taken for one."""
