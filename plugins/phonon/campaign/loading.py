"""Reads campaign files, one or a folder of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from phonon.campaign.circles import circle_of, started_by, told_circle
from phonon.campaign.contacts_query import read_query
from phonon.campaign.document import Document
from phonon.campaign.explain import explain
from phonon.campaign.model import Campaign
from phonon.campaign.problems import CampaignError, did_you_mean
from phonon.campaign.remains import Remains, remains_of
from phonon.campaign.shapes import is_sql_path
from phonon.campaign.template_names import never_there
from phonon.errors import ConfigurationError

_SUFFIXES = frozenset({".yaml", ".yml"})
_LONGEST_NAME = 100


@dataclass(frozen=True)
class BrokenCampaign:
    """A file that should be a campaign and is not, with what to tell its author."""

    name: str
    """Its Dag id: the campaign's name, or one made of the file's where that cannot be read or another has it."""

    path: Path
    error: str
    """The text of the :class:`CampaignError`."""

    remains: Remains
    """What can be read of it all the same."""


def load_campaign(path: Path, *, include: Path) -> Campaign:
    """Return the campaign of a file, with the text of its SQL files.

    :param include: the folder that paths of SQL files are looked up in; the folder that holds the folder of
        campaigns comes second.
    :raises CampaignError: if anything is wrong with the file; it tells everything that is.
    """
    return _campaign_of(Document.read(path), include)


def find_campaigns(folder: Path, *, include: Path) -> list[Campaign | BrokenCampaign]:
    """Return what each campaign file (``*.yaml``, ``*.yml``) of a folder holds, in the order of the files' names.

    A file that cannot be used, that has the name of an earlier one, that follows up a campaign that the folder
    does not have, or that is one of several that would start each other without end, comes back as a
    :class:`BrokenCampaign`.

    :raises ConfigurationError: if there is no such folder.
    """
    return _found(campaign_files(folder), include, all_files=True)


def find_campaign(folder: Path, name: str, *, include: Path) -> Campaign | None:
    """Return the campaign of that name as :func:`find_campaigns` does, or None if no file of the folder is one.

    Reads only the files that may have the name, so that a worker's task does not wait for hundreds of others.

    :raises ConfigurationError: if there is no such folder.
    """
    files = [path for path in campaign_files(folder) if _may_have(name, path)]
    found = _named(name, _found(files, include))
    if found is None or (found.follow_up is None and started_by(found) is None):
        return found
    # Whether the followed campaign is there, and what starts the one that starts it, only the whole folder tells.
    return _named(name, find_campaigns(folder, include=include))


def _named(name: str, found: Iterable[Campaign | BrokenCampaign]) -> Campaign | None:
    return next((each for each in found if isinstance(each, Campaign) and each.name == name), None)


def _may_have(name: str, path: Path) -> bool:
    """Whether a file may be the campaign of that name. In YAML only an escape can hide a word of letters."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return name.encode() in content or b"\\" in content


def _found(files: Iterable[Path], include: Path, *, all_files: bool = False) -> list[Campaign | BrokenCampaign]:
    loaded: list[Campaign | tuple[Path, str]] = []
    owners: dict[str, Path] = {}
    for path in files:
        try:
            document = Document.read(path)
            campaign = _campaign_of(document, include)
            _check_name_is_new(campaign, document, owners)
        except CampaignError as error:
            loaded.append((path, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever one file does must not take the others down
            loaded.append((path, f"{path}: cannot be read as a campaign: {type(error).__name__}."))
        else:
            owners[campaign.name] = path
            loaded.append(campaign)
    if all_files:
        broken = [item[0] for item in loaded if isinstance(item, tuple)]
        loaded = [_following(item, owners, broken) if isinstance(item, Campaign) else item for item in loaded]
        usable = {item.name: item for item in loaded if isinstance(item, Campaign)}
        loaded = [_ending(item, owners, usable) if isinstance(item, Campaign) else item for item in loaded]
    taken = {item.name for item in loaded if isinstance(item, Campaign)}
    return [item if isinstance(item, Campaign) else _broken(*item, taken) for item in loaded]


def _following(
    campaign: Campaign, owners: Mapping[str, Path], broken: Iterable[Path]
) -> Campaign | tuple[Path, str]:
    """The campaign, or what is wrong with it if it follows up one that no file can be."""
    rule = campaign.follow_up
    if rule is None or rule.of in owners or any(_may_have(rule.of, path) for path in broken):
        return campaign
    document = Document.read(owners[campaign.name])
    others = sorted(name for name in owners if name != campaign.name)
    text = (
        f"There is no campaign {rule.of!r} in this folder, so nobody would be followed up. There are: "
        f"{', '.join(others) or 'no others'}.{did_you_mean(rule.of, others)} One that a Dag places with "
        "PhononOutboundOperator is followed up by another of these."
    )
    error = CampaignError(document.path, [document.problem(("follow_up", "of"), text)])
    return document.path, str(error)


def _ending(
    campaign: Campaign, owners: Mapping[str, Path], usable: Mapping[str, Campaign]
) -> Campaign | tuple[Path, str]:
    """The campaign, or what is wrong with it if others that it starts would start it again."""
    circle = circle_of(campaign.name, usable)
    if not circle:
        return campaign
    document = Document.read(owners[campaign.name])
    error = CampaignError(document.path, [document.problem(("schedule", "asset"), told_circle(circle))])
    return document.path, str(error)


def _campaign_of(document: Document, include: Path) -> Campaign:
    problems = list(document.flaws)
    campaign = None
    queries: dict[str, str] = {}
    for key in ("contacts", "suppress"):
        named = document.values.get(key)
        if isinstance(named, str) and is_sql_path(named) and "\0" not in named:
            try:
                queries[key] = read_query(named, _query_folders(document.path, include))
            except ConfigurationError as error:
                problems.append(document.problem((key,), str(error)))
    try:
        campaign = Campaign.model_validate(_without_extensions(document.values))
    except ValidationError as error:
        problems += explain(error, document)
    if problems or campaign is None:
        raise CampaignError(document.path, problems)
    for key, sql in queries.items():
        campaign = campaign.with_sql_of_file(sql, key=key)
    for key, rendered in (("contacts", campaign.contacts_sql), ("suppress", campaign.suppress_sql)):
        absent = never_there(rendered or "", campaign.schedule)
        if absent is not None:
            problems.append(document.problem((key,), absent))
    if problems:
        raise CampaignError(document.path, problems)
    return campaign


def _without_extensions(values: Mapping[str, object]) -> dict[str, object]:
    """The keys that mean something: ``x-...`` at the top of a file is where its author keeps anchors."""
    return {key: value for key, value in values.items() if not key.startswith("x-")}


def _query_folders(path: Path, include: Path) -> list[Path]:
    beside = path.absolute().parent.parent
    return [include] if include.resolve() == beside.resolve() else [include, beside]


def campaign_files(folder: Path) -> list[Path]:
    """Return the campaign files of a folder, by name. Raises ConfigurationError if there is no such folder."""
    if not folder.is_dir():
        raise ConfigurationError(
            f"The folder of campaigns {folder} does not exist. Create it, or set PHONON_CAMPAIGNS to the right one."
        )
    # Editors keep locks and copies of open files beside them, under names that begin with a dot.
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in _SUFFIXES and not path.name.startswith(".") and not path.is_dir()
    )


def _check_name_is_new(campaign: Campaign, document: Document, owners: dict[str, Path]) -> None:
    if campaign.name in owners:
        first = owners[campaign.name].name
        text = f"The campaign of {first} has the name {campaign.name!r} already. Give this one another name."
        raise CampaignError(document.path, [document.problem(("name",), text)])


def _broken(path: Path, error: str, taken: set[str]) -> BrokenCampaign:
    """Return the broken campaign under a name of its own, and put that among those ``taken``.

    Only a campaign's own name can be that of a sound campaign later: a Dag that was made to fail without anybody
    unpausing it must not begin to call when its file is right again.
    """
    remains = remains_of(path)
    name = remains.name
    if name is None or name in taken:
        name = _made_from_file(path, taken)
    taken.add(name)
    return BrokenCampaign(name, path, error, remains)


def _made_from_file(path: Path, taken: set[str]) -> str:
    stem = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.\-]", "_", path.stem))
    stem = stem if stem[0].isalpha() else f"campaign_{stem}"
    name, count = "", 1
    while not name or name in taken:
        suffix = "_invalid" if count == 1 else f"_invalid_{count}"
        name, count = stem[: _LONGEST_NAME - len(suffix)] + suffix, count + 1
    return name
