"""Where the campaign files are, and finding one by its campaign's name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phonon.campaign.loading import BrokenCampaign, find_campaigns
from phonon.campaign.model import Campaign
from phonon.campaign.problems import did_you_mean, shortened
from phonon.errors import ConfigurationError


@dataclass(frozen=True)
class CampaignFolder:
    """A folder of campaign files, and the folder that their SQL files are looked up in."""

    campaigns: Path
    include: Path

    @classmethod
    def find(cls, given: Path | None) -> CampaignFolder:
        """Return the folder that was given, or else ``include/campaigns`` of the project one is in.

        That is the current directory's or, if it has none, that of the project which this code is part of.

        :raises ConfigurationError: if nothing was given and there is none.
        """
        projects = [Path.cwd(), Path(__file__).resolve().parents[3]]
        includes = [project / "include" for project in projects if (project / "include" / "campaigns").is_dir()]
        if given is not None:
            return cls(given, includes[0] if includes else given.absolute().parent)
        if not includes:
            raise ConfigurationError(
                f"There is no folder of campaigns: {projects[0]} has no include/campaigns. Go to the project's "
                "folder, give --folder, or set PHONON_CAMPAIGNS."
            )
        return cls(includes[0] / "campaigns", includes[0])

    def all(self) -> list[Campaign | BrokenCampaign]:
        """Return what each file holds. Raises ConfigurationError if there is no such folder."""
        return find_campaigns(self.campaigns, include=self.include)

    def named(self, name: str) -> Campaign:
        """Return the campaign of that name.

        :raises ConfigurationError: if there is none, or its file is invalid; with the file's problems then.
        """
        found = {each.name: each for each in self.all()}
        campaign = found.get(name)
        if isinstance(campaign, BrokenCampaign):
            raise ConfigurationError(campaign.error)
        if campaign is None:
            raise ConfigurationError(
                f"There is no campaign {shortened(name)!r} in {self.campaigns}.{did_you_mean(name, found)} "
                "See them all: phonon campaigns list"
            )
        return campaign
