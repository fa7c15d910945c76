"""``phonon ledger``: keep the ledger small; what to do after it was lost or restored from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phonon.cli.session import By, Session, person

app = typer.Typer(no_args_is_help=True, help="The ledger itself: keep it small, or go on after it was lost.")


@app.command()
def restored(
    context: typer.Context,
    note: Annotated[str, typer.Option(help="Why, in a few words. Kept with the decisions; no phone numbers.")],
    reports: Annotated[
        list[Path] | None,
        typer.Argument(metavar="REPORT", help="Phonon's reports as CSV, from the backup's time to now."),
    ] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONN_ID:TABLE",
            help="A results table to read, as warehouse:phonon_call_results; else those of the campaign files.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(envvar="PHONON_CAMPAIGNS", help="The folder of campaign files; by default include/campaigns."),
    ] = None,
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    without_warehouse: Annotated[
        bool, typer.Option("--without-warehouse", help="Read no results table: the reports have to say it all.")
    ] = False,
) -> None:
    """After the ledger was lost or restored from a backup: have nobody called twice.

    Reads the results tables of the warehouse, which are a report of what was pushed.

    Pause everything first. What could still be sent is held, calls that Phonon's reports list become accepted, and
    those that the ledger does not have are remembered, so that they are not placed again. Doing it twice does no
    harm. See docs/ledger-restore.md.
    """
    from phonon.cli.remembering import remembered_in, results_places, told_places  # noqa: PLC0415 - heavy
    from phonon.review.evidence import read_evidence_file  # noqa: PLC0415 - heavy, and not needed for --help
    from phonon.review.notes import checked_note  # noqa: PLC0415 - as above
    from phonon.review.restoring import RestoreDesk, merged  # noqa: PLC0415 - as above
    from phonon.review.text import told_outlook, told_restored  # noqa: PLC0415 - as above

    checked_note(note)
    who = person(by)
    given = [read_evidence_file(file) for file in reports or []]
    session: Session = context.obj
    with session.ledger() as ledger:
        desk = RestoreDesk(ledger)
        desk.look(merged(given))
        places = [] if without_warehouse else results_places(results, folder)
        pushed, memory = remembered_in(places)
        typer.echo(f"{len(pushed.named)} placed calls are in the results tables: {told_places(places)}.")
        report = merged([*given, pushed])
        typer.echo(told_outlook(desk.look(report)))
        if not yes:
            typer.confirm("Do this?", abort=True)
        typer.echo(told_restored(desk.settle(report, note, who, memory)))


@app.command()
def adopt(
    context: typer.Context,
    ledger_id: Annotated[str, typer.Argument(metavar="LEDGER_ID", help="As the message of the run names it.")],
    note: Annotated[str, typer.Option(help="Which deployment it is, in a few words. Kept; no phone numbers.")],
    by: By = None,
) -> None:
    """Let another deployment, with a ledger of its own, write the same results tables.

    Only if it does so on purpose, and calls other people: the two ledgers know nothing of each other's calls. If
    this ledger was lost or rolled back, 'phonon ledger restored' is right, and this would call people again.
    """
    from phonon.review.adopting import adopt as adopt_ledger  # noqa: PLC0415 - heavy, and not needed for --help

    session: Session = context.obj
    who = person(by)
    with session.ledger() as ledger:
        typer.echo(adopt_ledger(ledger, ledger_id, note, who))


_Days = typer.Option(min=1, metavar="DAYS")


@app.command()
def maintain(
    context: typer.Context,
    numbers: Annotated[int, _Days] = 7,
    hashes: Annotated[int, _Days] = 400,
    sends: Annotated[int, _Days] = 400,
    whole: Annotated[bool, typer.Option("--whole", help="Write every table anew. Pause everything first.")] = False,
) -> None:
    """Forget what is older than so many days and no promise needs, and give back the room.

    Phone numbers of settled batches; hashes of numbers, kept at least as long as the frequency limits look back;
    when requests were sent. Who was called stays. The Dag phonon_ledger_maintenance does the same every night.
    """
    from phonon.ledger.retention import Retention  # noqa: PLC0415 - heavy, and not needed for --help
    from phonon.review.upkeep import maintain as keep_small  # noqa: PLC0415 - as above
    from phonon.review.upkeep import told_maintained  # noqa: PLC0415 - as above

    session: Session = context.obj
    with session.ledger() as ledger:
        typer.echo(told_maintained(keep_small(ledger, Retention(numbers, hashes, sends), whole=whole)))
