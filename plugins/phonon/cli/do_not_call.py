"""``phonon do-not-call``: numbers that no campaign of the ledger calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonon.cli.session import By, Session, person
from phonon.errors import ConfigurationError

if TYPE_CHECKING:
    from phonon.review.number_lists import NumberList

app = typer.Typer(no_args_is_help=True, help="Numbers that no campaign calls, in any usual writing.")

_Numbers = Annotated[list[str] | None, typer.Argument(metavar="NUMBER", help="Indian mobile numbers.")]
_Csv = Annotated[Path | None, typer.Option("--csv", help="A CSV file of numbers instead.")]
_Column = Annotated[str | None, typer.Option(help="The title of the file's column of numbers, if it has several.")]
_Note = Annotated[str, typer.Option(help="Why. No phone numbers.")]
_SkipWrong = Annotated[bool, typer.Option("--skip-wrong", help="Leave out what is no number, instead of failing.")]


@app.command()
def add(
    context: typer.Context,
    note: _Note,
    numbers: _Numbers = None,
    csv: _Csv = None,
    column: _Column = None,
    by: By = None,
    skip_wrong: _SkipWrong = False,
) -> None:
    """Put numbers on the list, and take back planned calls to them that were not sent."""
    from phonon.review.do_not_call import DoNotCallDesk, told_change  # noqa: PLC0415 - heavy, and not for --help

    who = person(by)
    given = _given(numbers, csv, column)
    with _session(context).ledger() as ledger:
        typer.echo(told_change("added", DoNotCallDesk(ledger).add(given, note, who, skip_wrong=skip_wrong)))


@app.command()
def remove(
    context: typer.Context,
    note: _Note,
    numbers: _Numbers = None,
    csv: _Csv = None,
    column: _Column = None,
    by: By = None,
    skip_wrong: _SkipWrong = False,
) -> None:
    """Take numbers off the list. What is planned after it may call them."""
    from phonon.review.do_not_call import DoNotCallDesk, told_change  # noqa: PLC0415 - as above

    who = person(by)
    given = _given(numbers, csv, column)
    with _session(context).ledger() as ledger:
        typer.echo(told_change("removed", DoNotCallDesk(ledger).remove(given, note, who, skip_wrong=skip_wrong)))


@app.command()
def check(context: typer.Context, numbers: Annotated[list[str], typer.Argument(metavar="NUMBER")]) -> None:
    """Say of each number whether it is on the list, since when, by whom and why."""
    from phonon.review.do_not_call import DoNotCallDesk, told_check  # noqa: PLC0415 - as above

    given = _given(numbers, None, None)
    with _session(context).ledger() as ledger:
        typer.echo(told_check(DoNotCallDesk(ledger).check(given)))


@app.command()
def count(context: typer.Context) -> None:
    """Say how many numbers are on the list."""
    from phonon.review.do_not_call import DoNotCallDesk  # noqa: PLC0415 - as above

    with _session(context).ledger() as ledger:
        typer.echo(DoNotCallDesk(ledger).count())


def _given(numbers: list[str] | None, csv: Path | None, column: str | None) -> NumberList:
    from phonon.review.number_lists import numbers_of, numbers_of_file  # noqa: PLC0415 - as above

    if csv is None:
        return numbers_of(numbers or [])
    if numbers:
        raise ConfigurationError("Give numbers or --csv, not both.")
    return numbers_of_file(csv, column)


def _session(context: typer.Context) -> Session:
    session: Session = context.obj
    return session
