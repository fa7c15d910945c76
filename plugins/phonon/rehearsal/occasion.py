"""The run that is imagined: when it is, and which interval it would work on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from phonon.campaign.job import Run
from phonon.campaign.model import Campaign
from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule


@dataclass(frozen=True)
class Occasion:
    """A run of a campaign that is not made."""

    at: datetime
    """When it would start; aware."""
    logical_date: datetime | None
    """Aware, and both ends of its data interval. None for a run that an asset or new rows start."""

    @classmethod
    def of(cls, campaign: Campaign, date: datetime | None) -> Occasion:
        """Return a run started now: for ``date``, or else as the campaign's schedule would start it now."""
        now = datetime.now(UTC)
        undated = isinstance(campaign.schedule, AssetSchedule | NewRowsSchedule)
        return cls(now, date or (None if undated else now))

    @property
    def run_id(self) -> str:
        """A name that no real run has."""
        return f"rehearsal__{self.at.isoformat()}"

    @property
    def interval_key(self) -> str:
        """What names the interval, as for a real run: the start of its data interval, or its run id."""
        return self.run_id if self.logical_date is None else self.logical_date.astimezone(UTC).isoformat()

    def run(self, limit: int | None = None) -> Run:
        """Describe the run. ``limit``: at most so many calls."""
        return Run(self.run_id, "rehearsal", self.interval_key, limit=limit)
