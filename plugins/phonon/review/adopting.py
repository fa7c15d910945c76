"""Letting another ledger write the same tables of the warehouse."""

from __future__ import annotations

import re

from phonon.errors import ConfigurationError
from phonon.ledger import identity
from phonon.ledger.settlements import Decision
from phonon.ledger.store import Ledger
from phonon.review.desk import Person
from phonon.review.notes import checked_note

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def adopt(ledger: Ledger, ledger_id: str, note: str | None, person: Person) -> str:
    """Adopt a ledger, with who and why among the decisions. Returns what was done, in words.

    Raises ConfigurationError for what is no id, and for the ledger's own.
    """
    why = checked_note(note)
    if _ID.fullmatch(ledger_id) is None:
        raise ConfigurationError(
            "LEDGER_ID: copy it from the message of the run that stopped; nothing was changed."
        )
    with ledger.transaction() as connection:
        if ledger_id == identity.identity(connection).id:
            raise ConfigurationError(
                "Run 'phonon ledger restored' instead: this is the ledger's own id, so it was rolled back. Nothing "
                "was changed."
            )
        decision = Decision(person.name, why, person.run_id, ledger.now(connection))
        is_new = bool(identity.adopt(connection, [ledger_id], decision))
    return f"Ledger {ledger_id} is adopted." if is_new else f"Ledger {ledger_id} was adopted already."
