"""What a scheduled run does that begins long after it was due."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, Field

from phonon.campaign.parts import FIXED
from phonon.campaign.shapes import Duration
from phonon.wording import span


class LateMode(StrEnum):
    """What a run that begins late does."""

    DRY_RUN = "dry_run"
    CALL = "call"
    REFUSE = "refuse"


class Late(BaseModel):
    """Scheduled runs that begin late: after a pause, an outage or a deployment that took too long."""

    model_config = FIXED

    after: Duration = Field(
        default=timedelta(hours=2),
        description="How long after it was due a scheduled run may begin and still do as it is told.",
        examples=["2h"],
    )
    then: LateMode = Field(
        default=LateMode.DRY_RUN,
        description=(
            "What a run does that begins later: dry_run plans and sends nothing, call calls all the same, refuse "
            "fails. Unpausing a Dag starts the run of the slot that it missed last, however long ago."
        ),
        examples=["dry_run"],
    )

    def why(self, due: datetime, began: datetime) -> str | None:
        """Return how late a run began, or None if it began in time or calls all the same. Both are aware."""
        if self.then is LateMode.CALL or began - due <= self.after:
            return None
        return f"late: due {span((began - due).total_seconds())} before"
