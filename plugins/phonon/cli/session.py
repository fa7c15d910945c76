"""What a command needs of the machine it runs on: the ledger, and who is asking."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from phonon.errors import ConfigurationError

if TYPE_CHECKING:
    from phonon.ledger.store import Ledger
    from phonon.review.desk import Person

DEFAULT_LEDGER = "phonon_ledger"

By = Annotated[str | None, typer.Option(help="Who decides; by default the user of this machine.")]


@dataclass(frozen=True)
class Session:
    """One call of the command line."""

    ledger_conn_id: str

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the ledger, and close it.

        Raises ConfigurationError when there is none: a command must not make a new, empty one and say that
        nothing is held.
        """
        from phonon.cli.opening import open_existing_ledger  # noqa: PLC0415 - heavy, and not needed for --help

        opened = open_existing_ledger(self.ledger_conn_id)
        try:
            yield opened
        finally:
            opened.close()


def person(by: str | None) -> Person:
    """Who is asking. Raises ConfigurationError when a name was given that is none."""
    from phonon.review.desk import Person  # noqa: PLC0415 - as above

    if by is not None and not by.strip():
        raise ConfigurationError("--by: give a name, or leave it out.")
    user = _user()
    return Person(by.strip() if by else user, f"cli:{user}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"
