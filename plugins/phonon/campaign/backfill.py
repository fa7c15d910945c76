"""What a backfill over past intervals may do."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, Field

from phonon.campaign.parts import FIXED
from phonon.campaign.shapes import Duration
from phonon.duration import duration_words


class BackfillMode(StrEnum):
    """What a run of a backfill does."""

    CALL = "call"
    DRY_RUN = "dry_run"
    REFUSE = "refuse"


class Backfill(BaseModel):
    """Backfills: whether they call, and how old an interval may be for that."""

    model_config = FIXED

    mode: BackfillMode = Field(
        default=BackfillMode.CALL,
        description="call plans and sends, dry_run plans and sends nothing, refuse does not run.",
        examples=["call"],
    )
    max_age: Duration = Field(
        default=timedelta(days=2),
        description="Intervals that ended longer ago than this are planned and never sent.",
        examples=["2d"],
    )

    def why_nothing_is_sent(self, ended: datetime | None, now: datetime) -> str | None:
        """Return why a backfill sends nothing of an interval, or None if it calls.

        :param ended: when the interval ended, aware; None if nobody knows, which is then longest ago.
        """
        if self.mode is not BackfillMode.CALL:
            return f"backfill: {self.mode.value.replace('_', ' ')}"
        if ended is None:
            return "backfill: of unknown age"
        return f"backfill: older than {duration_words(self.max_age)}" if now - ended > self.max_age else None
