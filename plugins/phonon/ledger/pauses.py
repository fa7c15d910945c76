"""The pause switch: a row that every sender looks at in the transaction in which it takes batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from phonon.ledger.schema import decisions, intervals, pauses

EVERYTHING = "*"
"""The scope of a pause of all campaigns."""


@dataclass(frozen=True)
class Pause:
    """A switch that is set. ``scope`` is a campaign's name or ``EVERYTHING``."""

    scope: str
    by: str
    at: datetime
    reason: str

    def __str__(self) -> str:
        what = "everything" if self.scope == EVERYTHING else self.scope
        why = f": {self.reason}" if self.reason else ""
        return f"{what} was paused by {self.by} at {self.at:%Y-%m-%d %H:%M:%S} UTC{why}"


def pause(connection: Connection, scope: str, *, by: str, reason: str, now: float) -> bool:
    """Set the switch; False when it was set already, and then it stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"scope": scope, "paused_at": now, "paused_by": by, "reason": reason}
    # Not by the row count, which PostgreSQL's driver does not give for such an insert.
    statement = dialect.insert(pauses).values(values).on_conflict_do_nothing().returning(pauses.c.scope)
    is_new = connection.execute(statement).first() is not None
    if is_new:
        _note(connection, "pause", scope, by=by, note=reason, now=now)
    return is_new


def resume(connection: Connection, scope: str, *, by: str, now: float) -> bool:
    """Clear the switch; False when it was not set."""
    changed = connection.execute(delete(pauses).where(pauses.c.scope == scope))
    if changed.rowcount:
        _note(connection, "resume", scope, by=by, note="", now=now)
    return bool(changed.rowcount)


def set_pauses(connection: Connection) -> list[Pause]:
    """All switches that are set."""
    rows = connection.execute(select(pauses).order_by(pauses.c.scope))
    return [Pause(row.scope, row.paused_by, datetime.fromtimestamp(row.paused_at, UTC), row.reason) for row in rows]


def pause_of(connection: Connection, interval_id: int) -> Pause | None:
    """The switch that keeps an interval from being sent, if one is set."""
    row = connection.execute(_PAUSE_OF, {"interval_id": interval_id}).first()
    if row is None:
        return None
    return Pause(row.scope, row.paused_by, datetime.fromtimestamp(row.paused_at, UTC), row.reason)


def _note(connection: Connection, action: str, scope: str, *, by: str, note: str, now: float) -> None:
    values = {"decided_at": now, "decided_by": by, "action": action, "scope": scope, "note": note}
    connection.execute(insert(decisions).values(values))


_PAUSE_OF = (
    select(pauses)
    .where(
        or_(
            pauses.c.scope == EVERYTHING,
            pauses.c.scope
            == select(intervals.c.campaign).where(intervals.c.id == bindparam("interval_id")).scalar_subquery(),
        )
    )
    .limit(1)
)
