"""Calls that Phonon has and this ledger has lost: noted from a report, and claimed when they are planned again.

A client-identifier is the same for a campaign, an interval and a contact whoever computes it, so a call is
recognised before it is placed a second time. All functions work inside a transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, literal, select, text

from phonon.ledger.members import text_members
from phonon.ledger.pauses import EVERYTHING
from phonon.ledger.schema import decisions, known_calls
from phonon.ledger.settlements import Decision, Proof


@dataclass(frozen=True)
class KnownCall:
    """A call as a report of Phonon's has it. ``noted_at``: seconds since the epoch."""

    phonon_uuid: str | None
    request_id: str | None
    noted_at: float
    noted_by: str


def any_noted(connection: Connection) -> bool:
    """Whether any call is known. Keeps others from noting calls until the transaction ends.

    To be asked before a transaction that plans locks any row: whoever notes calls waits for the planners.
    """
    return connection.execute(_ANY).first() is not None


def stop_planning(connection: Connection) -> None:
    """Wait for the transactions that plan, and keep others from planning until this one ends.

    Else a contact could be planned by one who does not see yet that its call is known, unseen by the one who
    notes it. On SQLite every writing transaction excludes the others already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {known_calls.name} IN ACCESS EXCLUSIVE MODE"))


def noted(connection: Connection, client_identifiers: Sequence[str]) -> dict[str, KnownCall]:
    """Those of the calls that are known, by client-identifier."""
    rows = connection.execute(
        select(known_calls).where(known_calls.c.client_identifier.in_(text_members(connection, client_identifiers)))
    )
    return {
        row.client_identifier: KnownCall(row.phonon_uuid, row.request_id, row.noted_at, row.noted_by)
        for row in rows
    }


def note(connection: Connection, proofs: Mapping[str, Proof], decision: Decision) -> int:
    """Note calls by client-identifier; gives how many were not noted before, which stay as they are."""
    before = noted(connection, list(proofs))
    new = [
        {
            "client_identifier": name,
            "phonon_uuid": proof.phonon_uuid,
            "request_id": proof.request_id,
            "noted_at": decision.at,
            "noted_by": decision.by,
        }
        for name, proof in proofs.items()
        if name not in before
    ]
    if new:
        connection.execute(insert(known_calls), new)
        connection.execute(
            insert(decisions).values(
                decided_at=decision.at,
                decided_by=decision.by,
                action="remember",
                scope=EVERYTHING,
                calls=len(new),
                note=decision.note,
            )
        )
    return len(new)


# Made once: to build a statement takes the ledger longer than to carry it out.
_ANY = select(literal(1)).select_from(known_calls).limit(1)
