"""The run that is imagined: when it is, and which interval it would work on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule
from phonon.errors import ConfigurationError


@dataclass(frozen=True)
class Occasion:
    """A run of a campaign that is not made."""

    at: datetime
    """When it would start; aware."""
    logical_date: datetime | None
    """Aware, and both ends of its data interval. None for a run that an asset or new rows start."""
    partition_key: str | None = None

    @classmethod
    def of(cls, campaign: Campaign, date: datetime | None, partition: str | None = None) -> Occasion:
        """Return a run started now: for ``date``, or else as the campaign's schedule would start it now.

        ``partition``: its key, if the campaign calls by partitions; by default today's date, as many keys are.
        """
        now, schedule = datetime.now(UTC), campaign.schedule
        if isinstance(schedule, AssetSchedule) and schedule.partitioned:
            return cls(now, date, partition or f"{now:%Y-%m-%d}")
        if partition is not None:
            raise ConfigurationError(f"Campaign {campaign.name} does not call by partitions. Leave the key out.")
        undated = isinstance(schedule, AssetSchedule | NewRowsSchedule)
        return cls(now, date or (None if undated else now))

    @property
    def run_id(self) -> str:
        """A name that no real run has."""
        return f"rehearsal__{self.at.isoformat()}"

    @property
    def interval_key(self) -> str:
        """What names the interval, as for a real run: its partition, its data interval's start, or its run id."""
        if self.partition_key is not None:
            return f"partition:{self.partition_key}"
        return self.run_id if self.logical_date is None else self.logical_date.astimezone(UTC).isoformat()

    def run(self, limit: int | None = None) -> Run:
        """Describe the run. ``limit``: at most so many calls."""
        return Run(self.run_id, "rehearsal", self.interval_key, limit=limit)
