"""``phonon campaigns``: campaign files, looked at, checked and tried without calling or claiming anybody."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonon.errors import ConfigurationError

if TYPE_CHECKING:
    from phonon.ledger.store import Ledger
    from phonon.rehearsal.checking import Opening
    from phonon.rehearsal.folder import CampaignFolder
    from phonon.rehearsal.rehearsal import Rehearsal
    from phonon.warehouse.warehouse import Warehouse

app = typer.Typer(no_args_is_help=True, help="Campaign files: list them, check them, see what a run would do.")

_Folder = Annotated[
    Path | None,
    typer.Option(envvar="PHONON_CAMPAIGNS", help="The folder of campaign files; by default include/campaigns."),
]
_Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The campaign's name.")]
_Date = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="The run's date, like 2026-11-24 or 2026-11-24T09:00+05:30 (else UTC); by default now."
    ),
]
_Partition = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="The run's partition key, if the campaign has partitions; by default today."),
]


@app.command("list")
def list_(folder: _Folder = None, as_json: _Json = False) -> None:
    """List the campaigns of the folder. Invalid ones are listed too, and do not change the exit status."""
    from phonon.rehearsal.listing import listed, listing  # noqa: PLC0415 - heavy, and not needed for --help

    found = _campaign_folder(folder).all()
    typer.echo(json.dumps(listed(found), indent=2, ensure_ascii=False) if as_json else listing(found))


@app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Campaign files; by default all of the folder.", exists=True),
    ] = None,
    folder: _Folder = None,
    warehouse: Annotated[
        bool | None,
        typer.Option(
            help="Whether to ask the warehouse for the columns of the queries. By default if there is a connection."
        ),
    ] = None,
) -> None:
    """Say everything that is wrong with campaign files.

    Exit status 0 if all are fine, 1 if one is not, 2 for wrong usage. No row is read, nothing is written.
    """
    from phonon.campaign.loading import campaign_files  # noqa: PLC0415 - as above
    from phonon.rehearsal.checking import check_file  # noqa: PLC0415 - as above

    where = _campaign_folder(folder, or_beside=files)
    opening = _opening(warehouse)
    paths = [
        path
        for given in files or [where.campaigns]
        for path in (campaign_files(given) if given.is_dir() else [given])
    ]
    failed = 0
    for path in paths:
        done = check_file(path, include=where.include, open_warehouse=opening)
        failed += bool(done.error)
        fine = "fine" if done.queried else "fine; its queries were not tried in the warehouse"
        typer.echo(f"{done.error}\n" if done.error else f"{path}: {fine}")
    if not paths:
        typer.echo(f"There are no campaign files in {where.campaigns}.")
    raise typer.Exit(1 if failed else 0)


@app.command()
def preview(
    name: _Name,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many calls to show.")] = 3,
    date: _Date = None,
    partition: _Partition = None,
    raw: Annotated[bool, typer.Option("--raw", help="On one line, as it is sent; remarks go to stderr.")] = False,
    folder: _Folder = None,
) -> None:
    """Show the request that a run would send first, with the secret and the numbers masked.

    What the ledger knows (who was called, who must not be) is applied, and nothing is written to it.
    """
    with _rehearsal(folder, name, date, partition) as rehearsal:
        shown = rehearsal.preview(limit)
    if shown.bodies:
        typer.echo(shown.requests(raw=raw))
    typer.echo(shown.remarks(), err=raw)


@app.command()
def plan(
    name: _Name,
    date: _Date = None,
    partition: _Partition = None,
    as_json: _Json = False,
    folder: _Folder = None,
) -> None:
    """Say what a run would do: calls, rows that are not called and why, requests, days, minutes at the limit.

    All contacts are read and planned in a copy of the ledger, so it takes as long as the run's first task.
    """
    with _rehearsal(folder, name, date, partition) as rehearsal:
        outlook = rehearsal.outlook()
    typer.echo(json.dumps(outlook.as_json(), indent=2, ensure_ascii=False) if as_json else str(outlook))


def _campaign_folder(folder: Path | None, *, or_beside: list[Path] | None = None) -> CampaignFolder:
    from phonon.rehearsal.folder import CampaignFolder  # noqa: PLC0415 - as above

    try:
        return CampaignFolder.find(folder)
    except ConfigurationError:
        if not or_beside:
            raise
        return CampaignFolder.find(or_beside[0].absolute().parent)


def _opening(wanted: bool | None) -> Opening:
    """How ``check`` opens warehouses: never, always, or where a connection is found."""

    def opened(conn_id: str) -> Warehouse | None:
        if wanted is False:
            return None
        from phonon.cli.opening import look_up_as_airflow_does  # noqa: PLC0415 - as above

        look_up_as_airflow_does()
        from phonon.hooks.connections import MissingConnectionError  # noqa: PLC0415 - as above
        from phonon.hooks.warehouse import warehouse_of  # noqa: PLC0415 - as above

        try:
            return warehouse_of(conn_id)
        except MissingConnectionError:
            if wanted:
                raise
            return None

    return opened


@contextmanager
def _rehearsal(folder: Path | None, name: str, date: str | None, partition: str | None) -> Iterator[Rehearsal]:
    moment = _moment(date)
    campaign = _campaign_folder(folder).named(name)
    from phonon.cli.opening import look_up_as_airflow_does  # noqa: PLC0415 - as above

    look_up_as_airflow_does()
    from phonon.hooks.account import account_settings  # noqa: PLC0415 - as above
    from phonon.hooks.warehouse import warehouse_of  # noqa: PLC0415 - as above
    from phonon.rehearsal.occasion import Occasion  # noqa: PLC0415 - as above
    from phonon.rehearsal.rehearsal import Rehearsal  # noqa: PLC0415 - as above

    occasion = Occasion.of(campaign, moment, partition)
    settings = account_settings(campaign.phonon_conn_id)
    warehouse = warehouse_of(campaign.warehouse_conn_id)
    ledger = _ledger(campaign.ledger_conn_id)
    try:
        yield Rehearsal(campaign, occasion, settings, warehouse, ledger, _log())
    finally:
        if ledger is not None:
            ledger.close()


def _ledger(conn_id: str) -> Ledger | None:
    from phonon.cli.opening import NoLedgerError, open_existing_ledger  # noqa: PLC0415 - as above

    try:
        return open_existing_ledger(conn_id)
    except NoLedgerError as error:
        typer.echo(f"{error} Nobody counts as called before.", err=True)
        return None


def _moment(date: str | None) -> datetime | None:
    if date is None:
        return None
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        raise typer.BadParameter(
            "not a date like 2026-11-24 or 2026-11-24T09:00+05:30", param_hint="--date"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _log() -> logging.Logger:
    """Warnings of the planner go to stderr; what it counts is in the outlook, and the copy's tables are no news."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    log = logging.getLogger("phonon.rehearsal")
    log.propagate = False
    log.handlers = [logging.StreamHandler(sys.stderr)]
    log.setLevel(logging.WARNING)
    return log
