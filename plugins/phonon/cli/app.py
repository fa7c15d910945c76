"""The command ``phonon`` and its commands. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from phonon.cli import campaigns, do_not_call, held, ledger, new_rows, pauses
from phonon.cli.session import DEFAULT_LEDGER, Session
from phonon.errors import PhononError


class _Commands(TyperGroup):
    """Ends with one message and exit status 1 for an error of ours; wrong usage is 2, as ever."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PhononError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="phonon",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Phone campaigns through Phonon: what people do beside the Dags.",
)
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(held.app, name="held")
app.add_typer(do_not_call.app, name="do-not-call")
app.add_typer(ledger.app, name="ledger")
app.add_typer(new_rows.app, name="new-rows")
app.command("pause")(pauses.pause)
app.command("resume")(pauses.resume)
app.command("pauses")(pauses.show)


@app.callback()
def _options(
    context: typer.Context,
    ledger_conn_id: Annotated[str, typer.Option(help="The Airflow connection of the ledger.")] = DEFAULT_LEDGER,
) -> None:
    context.obj = Session(ledger_conn_id)
