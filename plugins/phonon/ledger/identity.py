"""Which ledger this is, and how often it has begun to send: what the warehouse remembers of it.

Every function works inside a transaction of the caller.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Connection, Table, Text, cast, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from phonon.ledger.pauses import EVERYTHING
from phonon.ledger.schema import adopted, begun_runs, decisions, meta, plans

if TYPE_CHECKING:
    from phonon.ledger.settlements import Decision

# No vowels, and no digits: an id is neither a word nor what could be taken for a phone number and masked.
_ALPHABET = "bcdfghjkmnpqrstvwxz"
_LENGTH = 16
_ID, _MADE_AT, _MADE_ON, _SEQUENCE = "ledger_id", "ledger_made_at", "ledger_made_on", "ledger_sequence"


@dataclass(frozen=True)
class Identity:
    """A ledger's own name, when it was made, and on which machine. ``made_at``: seconds since the epoch."""

    id: str
    made_at: float
    made_on: str


def ensure_identity(connection: Connection, now: float) -> bool:
    """Name the ledger unless it has a name. Returns whether it is new: named just now, and without a plan."""
    is_named = _insert_once(connection, meta, name=_ID, value=_new_id())
    if not is_named:
        return False
    first: float | None = connection.execute(select(func.min(plans.c.started_at))).scalar()
    _insert_once(connection, meta, name=_MADE_AT, value=str(now if first is None else first))
    _insert_once(connection, meta, name=_MADE_ON, value=socket.gethostname())
    _insert_once(connection, meta, name=_SEQUENCE, value="0")
    return first is None


def identity(connection: Connection) -> Identity:
    """The ledger's name."""
    found = _values(connection)
    return Identity(found[_ID], float(found[_MADE_AT]), found[_MADE_ON])


def sequence(connection: Connection) -> int:
    """How often runs have begun to send, so far."""
    return int(_values(connection)[_SEQUENCE])


def begin_sending(connection: Connection, campaign: str, run_id: str, now: float) -> int:
    """Count one more run, or try of a run, that begins to send. Returns the ledger's new sequence."""
    # The update comes first: others who begin wait for it.
    connection.execute(update(meta).where(meta.c.name == _SEQUENCE).values(value=cast(_SEQUENCE_NOW + 1, Text())))
    reached = sequence(connection)
    _note_run(connection, campaign, run_id, reached=reached, requests=0, now=now)
    return reached


def begun(connection: Connection, campaign: str, run_id: str) -> int | None:
    """The sequence with which a run began to send for the last time; None if it has not."""
    found: int | None = connection.execute(
        select(begun_runs.c.sequence).where(begun_runs.c.campaign == campaign, begun_runs.c.run_id == run_id)
    ).scalar()
    return found


def note_requests(connection: Connection, campaign: str, run_id: str, requests: int) -> None:
    """Note how many requests of a run the warehouse is about to be told of. Counts only go up."""
    connection.execute(
        update(begun_runs)
        .where(begun_runs.c.campaign == campaign, begun_runs.c.run_id == run_id, begun_runs.c.requests < requests)
        .values(requests=requests)
    )


def requests_since(connection: Connection, floor: int) -> Mapping[tuple[str, str], int]:
    """The noted requests of the runs that began after a sequence, by campaign and run."""
    rows = connection.execute(select(begun_runs).where(begun_runs.c.sequence > floor))
    return {(row.campaign, row.run_id): row.requests for row in rows}


def catch_up(connection: Connection, reached: int, requests: Mapping[tuple[str, str], int], now: float) -> None:
    """Take over what the warehouse remembers of this ledger: a higher sequence, and more requests of runs."""
    for (campaign, run_id), count in requests.items():
        _note_run(connection, campaign, run_id, reached=reached, requests=count, now=now)
    connection.execute(
        update(meta).where(meta.c.name == _SEQUENCE, reached > _SEQUENCE_NOW).values(value=str(reached))
    )


def adopted_ids(connection: Connection) -> frozenset[str]:
    """The other ledgers that write the same tables with a person's consent."""
    return frozenset(connection.execute(select(adopted.c.ledger_id)).scalars())


def adopt(connection: Connection, ledger_ids: Collection[str], decision: Decision) -> list[str]:
    """Note other ledgers as known. Returns those that were not before."""
    new = sorted(set(ledger_ids) - adopted_ids(connection))
    for ledger_id in new:
        connection.execute(
            insert(adopted).values(
                ledger_id=ledger_id, adopted_at=decision.at, adopted_by=decision.by, note=decision.note
            )
        )
        connection.execute(
            insert(decisions).values(
                decided_at=decision.at,
                decided_by=decision.by,
                action="adopt",
                scope=EVERYTHING,
                note=f"ledger {ledger_id}: {decision.note}",
            )
        )
    return new


def _note_run(
    connection: Connection, campaign: str, run_id: str, *, reached: int, requests: int, now: float
) -> None:
    key = (begun_runs.c.campaign == campaign, begun_runs.c.run_id == run_id)
    _insert_once(connection, begun_runs, campaign=campaign, run_id=run_id, sequence=0, begun_at=now, requests=0)
    connection.execute(
        update(begun_runs).where(*key, begun_runs.c.sequence < reached).values(sequence=reached, begun_at=now)
    )
    note_requests(connection, campaign, run_id, requests)


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _values(connection: Connection) -> Mapping[str, str]:
    return {row.name: row.value for row in connection.execute(select(meta))}


def _insert_once(connection: Connection, table: Table, **values: object) -> bool:
    """Insert a row unless its key is there; returns whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return bool(connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing()).rowcount)


_SEQUENCE_NOW = cast(meta.c.value, BigInteger())
