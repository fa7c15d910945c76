"""``phonon held``: look at held batches, and settle them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phonon.cli.session import By, Session, person
from phonon.wording import counted

app = typer.Typer(no_args_is_help=True, help="Batches that were sent and whose outcome nobody knows.")

_Batches = Annotated[list[int], typer.Argument(metavar="BATCH", help="Ids of held batches.", min=1)]
_Note = Annotated[str, typer.Option(help="Why. Shown in the results; no phone numbers.")]
_Campaign = Annotated[str | None, typer.Option(help="Only this campaign.")]


@app.command("list")
def list_(context: typer.Context, campaign: _Campaign = None) -> None:
    """List what is held."""
    from phonon.review.desk import ReviewDesk  # noqa: PLC0415 - heavy, and not needed for --help
    from phonon.review.text import listing  # noqa: PLC0415 - as above

    with _session(context).ledger() as ledger:
        typer.echo(listing(ReviewDesk(ledger).waiting(campaign)))


@app.command()
def show(context: typer.Context, batch: Annotated[int, typer.Argument(min=1)]) -> None:
    """Show a batch, its history, and why it is held. No numbers."""
    from phonon.review.desk import ReviewDesk  # noqa: PLC0415 - as above
    from phonon.review.text import story  # noqa: PLC0415 - as above

    with _session(context).ledger() as ledger:
        [told] = ReviewDesk(ledger).look([batch])
        typer.echo(story(told))


@app.command()
def release(
    context: typer.Context,
    batches: _Batches,
    note: _Note,
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Have the calls of held batches placed again, as new ones.

    If Phonon did receive the first request, these people are called a second time. To release is your statement
    that the calls were not received.
    """
    from phonon.review.desk import ReviewDesk  # noqa: PLC0415 - as above
    from phonon.review.notes import WARNING, checked_note  # noqa: PLC0415 - as above
    from phonon.review.text import told_settled  # noqa: PLC0415 - as above

    checked_note(note)
    who = person(by)
    with _session(context).ledger() as ledger:
        desk = ReviewDesk(ledger)
        found = desk.check(batches)
        if not yes:
            calls = sum(case.calls for case in found)
            typer.echo(f"{counted(len(found), 'batch', 'batches')} with {counted(calls, 'call')}. {WARNING}")
            typer.confirm("Release them?", abort=True)
        settled = desk.release(batches, note, who)
        typer.echo(told_settled("released", settled))
        typer.echo(
            "They are sent when trigger_calls of the campaign's run over that interval is cleared. Do it today: "
            "what is not sent on the day of its start-time expires."
        )


@app.command()
def close(context: typer.Context, batches: _Batches, note: _Note, by: By = None) -> None:
    """Settle held batches for good: nothing more is done, and their calls stay shown as held."""
    from phonon.review.desk import ReviewDesk  # noqa: PLC0415 - as above
    from phonon.review.text import told_settled  # noqa: PLC0415 - as above

    who = person(by)
    with _session(context).ledger() as ledger:
        typer.echo(told_settled("closed", ReviewDesk(ledger).close(batches, note, who)))


@app.command()
def evidence(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Phonon's report as CSV, with a header.")],
    by: By = None,
) -> None:
    """Accept every held call that Phonon's own report lists.

    Columns, in any order and among any others: client-identifier, phonon-uuid, request-id; one of the first two is
    needed.
    """
    from phonon.review.desk import ReviewDesk  # noqa: PLC0415 - as above
    from phonon.review.evidence import read_evidence_file  # noqa: PLC0415 - as above
    from phonon.review.text import told_evidence  # noqa: PLC0415 - as above

    who = person(by)
    report = read_evidence_file(file)
    with _session(context).ledger() as ledger:
        typer.echo(told_evidence(ReviewDesk(ledger).apply(report, f"Phonon's report {file.name}", who)))


def _session(context: typer.Context) -> Session:
    session: Session = context.obj
    return session
