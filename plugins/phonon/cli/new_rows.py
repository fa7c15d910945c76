"""``phonon new-rows``: from where on the rows of a watched table are new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phonon.cli.session import Session
from phonon.errors import ConfigurationError
from phonon.wording import counted

app = typer.Typer(no_args_is_help=True, help="From where on the rows of a watched table are new.")


@app.callback()
def _group() -> None:
    """Keep ``begin`` a command of its own, although it is the only one."""


@app.command()
def begin(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")],
    after: Annotated[str | None, typer.Option(help="Rows whose cursor is greater than this are new.")] = None,
    from_now: Annotated[bool, typer.Option("--from-now", help="Only rows that are not there yet are new.")] = False,
    folder: Annotated[
        Path | None, typer.Option(envvar="PHONON_CAMPAIGNS", help="The folder of campaign files.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Carry a campaign's watermark over, after its new_rows were given another cursor, table or query."""
    from phonon.campaign.new_rows_beginning import NewRowsBeginning  # noqa: PLC0415 - heavy, not needed for --help
    from phonon.campaign.schedule import NewRowsSchedule  # noqa: PLC0415 - as above
    from phonon.cli.opening import look_up_as_airflow_does  # noqa: PLC0415 - as above
    from phonon.hooks.warehouse import warehouse_of  # noqa: PLC0415 - as above
    from phonon.rehearsal.folder import CampaignFolder  # noqa: PLC0415 - as above

    if (after is None) == (not from_now):
        raise ConfigurationError("Give either --after VALUE or --from-now.")
    campaign = CampaignFolder.find(folder).named(name)
    schedule = campaign.schedule
    if not isinstance(schedule, NewRowsSchedule):
        raise ConfigurationError(f"Campaign {name} has no schedule of new_rows. Nothing was changed.")
    look_up_as_airflow_does()
    session: Session = context.obj
    with session.ledger() as ledger:
        warehouse = warehouse_of(campaign.warehouse_conn_id)
        beginning = NewRowsBeginning(name, schedule.new_rows, ledger=ledger, warehouse=warehouse)
        found = beginning.look(after)
        cursor = schedule.new_rows.cursor
        typer.echo(
            f"Rows whose {cursor} is beyond {found.after.plain} are new: {counted(found.waiting, 'row')} so far."
        )
        if not yes and not typer.confirm("The next run takes them. Begin there?"):
            raise typer.Exit(1)
        beginning.begin(found)
    typer.echo(f"{name} begins there. Start its run, or wait for new rows.")
