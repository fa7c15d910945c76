"""Whether a campaign file is fine: the file itself, the Jinja of its queries, its notifiers, its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from phonon.campaign.document import Document, Location
from phonon.campaign.extraction import contact_columns
from phonon.campaign.loading import BrokenCampaign, campaign_files, find_campaigns, load_campaign
from phonon.campaign.model import Campaign
from phonon.campaign.problems import CampaignError
from phonon.campaign.shapes import without_comments
from phonon.errors import ConfigurationError
from phonon.hooks.notifiers import wrong_notifiers
from phonon.rehearsal.occasion import Occasion
from phonon.rehearsal.templates import rendered, syntax_problem
from phonon.warehouse.failures import QueryError
from phonon.warehouse.warehouse import Warehouse

Opening = Callable[[str], Warehouse | None]
"""Opens the warehouse of a connection id; None if it is not to be looked at."""

_Found = tuple[Location, str]


@dataclass(frozen=True)
class Checked:
    """What came of checking one file. ``error`` is empty if it is fine."""

    path: Path
    error: str = ""
    queried: bool = False
    """Its queries were tried in the warehouse."""


def check_file(path: Path, *, include: Path, open_warehouse: Opening) -> Checked:
    """Check one file as far as that goes without a run.

    :raises PhononError: if the warehouse cannot be opened, which is no fault of the file.
    """
    try:
        campaign = load_campaign(path, include=include)
    except CampaignError as error:
        return Checked(path, str(error))
    document = Document.read(path)
    found = [*_same_name(campaign, path), *_jinja(campaign), *wrong_notifiers(campaign)]
    refused = "" if found else _refused_beside_others(path, include)
    if refused:
        return Checked(path, refused)
    warehouse = open_warehouse(campaign.warehouse_conn_id)
    if warehouse is not None and not found:
        found = list(_queries(campaign, warehouse))
    problems = [document.problem(location, text) for location, text in found]
    return Checked(path, str(CampaignError(path, problems)) if problems else "", queried=warehouse is not None)


def _same_name(campaign: Campaign, path: Path) -> Iterator[_Found]:
    """A second file of the same name in the folder would be left out by Airflow."""
    for other in campaign_files(path.absolute().parent):
        if other.name == path.name:
            continue
        try:
            name = Document.read(other).values.get("name")
        except CampaignError:
            continue
        if name == campaign.name:
            yield (
                ("name",),
                f"The campaign of {other.name} has the name {name!r} too. Give one another name.",
            )


def _refused_beside_others(path: Path, include: Path) -> str:
    """What is wrong with a file only because of the others of its folder."""
    found = find_campaigns(path.parent, include=include)
    return next(
        (each.error for each in found if isinstance(each, BrokenCampaign) and each.path.name == path.name), ""
    )


def _jinja(campaign: Campaign) -> Iterator[_Found]:
    for key, sql in _sql(campaign):
        wrong = syntax_problem(campaign, key, sql)
        if wrong is not None:
            yield (key,), wrong


def _queries(campaign: Campaign, warehouse: Warehouse) -> Iterator[_Found]:
    """Ask the warehouse for the columns of each query, and for no row."""
    occasion = Occasion.of(campaign, None)
    for key, sql in _sql(campaign):
        try:
            names = _columns(warehouse, rendered(campaign, key, sql, occasion))
            if key == "contacts":
                contact_columns(campaign).check(names)
            elif len(names) != 1:
                yield (key,), f"The query returns {len(names)} columns: {', '.join(names)}. It must return one."
        except (ConfigurationError, QueryError) as error:
            yield (key,), str(error)


def _columns(warehouse: Warehouse, sql: str) -> list[str]:
    """The columns of a query.

    :raises PhononError: what the warehouse says of the query itself, if it cannot be asked for no row of it.
    """
    try:
        query = sql.strip().rstrip(";")
        return _first(warehouse, f"SELECT * FROM (\n{query}\n) AS phonon_columns WHERE 1 = 0")  # noqa: S608 - the file's
    except QueryError:
        if not re.match(r"\s*(select|with)\b", without_comments(sql), re.IGNORECASE):
            raise
        return _first(warehouse, sql)  # its message is about the author's own lines


def _first(warehouse: Warehouse, sql: str) -> list[str]:
    with closing(warehouse.read(sql, chunk_rows=1)) as chunks:
        return [str(column) for column in next(chunks).columns]


def _sql(campaign: Campaign) -> list[tuple[str, str]]:
    suppress = campaign.suppress_sql
    return [("contacts", campaign.contacts_sql), *([("suppress", suppress)] if suppress is not None else [])]
