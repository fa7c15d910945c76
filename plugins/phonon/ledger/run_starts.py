"""When a run began for the first time: Airflow's own answer is another one after each clear."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from phonon.ledger.schema import run_starts
from phonon.ledger.store import Ledger


def first_start(ledger: Ledger, campaign: str, run_id: str, began: datetime) -> datetime:
    """Return when the run began for the first time; ``began`` (aware) if nobody has asked before."""
    key = {"campaign": campaign, "run_id": run_id}
    with ledger.transaction(read_only=True) as connection:
        known = _known(connection, campaign, run_id)
    if known is None:
        with ledger.transaction() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(run_starts).values(**key, began_at=began.timestamp())
            connection.execute(insert.on_conflict_do_nothing())
            known = _known(connection, campaign, run_id)
    return began if known is None else datetime.fromtimestamp(known.began_at, UTC)


def _known(connection: Connection, campaign: str, run_id: str) -> Row[tuple[float]] | None:
    return connection.execute(
        select(run_starts.c.began_at).where(run_starts.c.campaign == campaign, run_starts.c.run_id == run_id)
    ).one_or_none()
