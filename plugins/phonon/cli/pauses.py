"""``phonon pause``, ``resume``, ``pauses``: the switch that stops sending."""

from __future__ import annotations

from typing import Annotated

import typer

from phonon.cli.session import By, Session, person

_Scope = Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="Nothing means everything.")]


def pause(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Why. Shown in logs; no phone numbers.")],
    campaign: _Scope = None,
    by: By = None,
    new: Annotated[bool, typer.Option("--new", help="The campaign has not run with this ledger yet.")] = False,
) -> None:
    """Stop sending, for one campaign or for everything that uses the ledger."""
    from phonon.review.pausing import PauseDesk  # noqa: PLC0415 - heavy, and not needed for --help

    who = person(by)
    with _session(context).ledger() as ledger:
        typer.echo(PauseDesk(ledger).pause(campaign, reason, who, known=[campaign] if new and campaign else []))


def resume(context: typer.Context, campaign: _Scope = None, by: By = None) -> None:
    """Let sending go on, for one campaign or for everything."""
    from phonon.review.pausing import PauseDesk  # noqa: PLC0415 - as above

    who = person(by)
    with _session(context).ledger() as ledger:
        typer.echo(PauseDesk(ledger).resume(campaign, who))


def show(context: typer.Context) -> None:
    """List what is paused."""
    from phonon.review.pausing import PauseDesk  # noqa: PLC0415 - as above
    from phonon.review.text import told_pauses  # noqa: PLC0415 - as above

    with _session(context).ledger() as ledger:
        typer.echo(told_pauses(PauseDesk(ledger).pauses()))


def _session(context: typer.Context) -> Session:
    session: Session = context.obj
    return session
