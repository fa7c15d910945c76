"""A copy of what a plan needs of the ledger, to plan in without effect.

The real ledger is only read: a plan in a transaction that is rolled back would keep its senders waiting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, ColumnElement, Connection, Table, delete, exists, insert, null, or_, select

from phonon.campaign.model import Campaign
from phonon.ledger.schema import batches, calls, decisions, intervals, metadata, number_uses, rates, rejects, sends
from phonon.ledger.store import Ledger
from phonon.planning.rules import scope_of

_LEFT_OUT = frozenset({decisions, rates, rejects, sends})
_EMPTIED = frozenset({"frozen", "phonon_uuids"})
"""Columns of batches that are large, and that no plan looks at."""
_AT_ONCE = 10_000


@contextmanager
def copied(ledger: Ledger | None, campaign: Campaign) -> Iterator[Ledger]:
    """Make the copy, in a file that only this user can read and that is removed; empty if there is no ledger."""
    with TemporaryDirectory(prefix="phonon-rehearsal-") as folder:
        url = URL.create("sqlite", database=str(Path(folder) / "ledger.db"))
        copy = Ledger(url)
        try:
            if ledger is not None:
                _fill(copy, ledger, campaign)
                copy.close()
                copy = Ledger(url)  # anew: the key of the number hashes is read when a ledger is opened
            yield copy
        finally:
            copy.close()


def _fill(copy: Ledger, ledger: Ledger, campaign: Campaign) -> None:
    with ledger.transaction(read_only=True) as reading, copy.transaction() as writing:
        which = _needed(campaign, ledger.now(reading))
        for table in metadata.sorted_tables:
            if table not in _LEFT_OUT:
                _copy_table(reading, writing, table, which.get(table))


def _needed(campaign: Campaign, now: float) -> Mapping[Table, ColumnElement[bool]]:
    """Which rows of the large tables a plan of the campaign looks at; of the others it is all."""
    names = [campaign.name] + ([campaign.follow_up.of] if campaign.follow_up else [])
    of_campaigns = calls.c.interval_id.in_(select(intervals.c.id).where(intervals.c.campaign.in_(names)))
    limit = campaign.limits.per_number
    if limit is None:
        return {calls: of_campaigns, number_uses: number_uses.c.scope.is_(None)}
    scope = scope_of(campaign.name, limit.group)
    since = now - timedelta(days=limit.days).total_seconds()
    the_same = (number_uses.c.interval_id == calls.c.interval_id) & (number_uses.c.contact_id == calls.c.contact_id)
    counted = (number_uses.c.scope == scope) & the_same & (calls.c.starts_at >= since)
    return {
        calls: or_(of_campaigns, exists().where(counted).correlate(calls)),
        number_uses: (number_uses.c.scope == scope) & exists().where(counted).correlate(number_uses),
    }


def _copy_table(reading: Connection, writing: Connection, table: Table, which: ColumnElement[bool] | None) -> None:
    writing.execute(delete(table))
    columns = [
        null().label(column.name) if table is batches and column.name in _EMPTIED else column for column in table.c
    ]
    statement = select(*columns)
    if which is not None:
        statement = statement.where(which)
    with reading.execution_options(yield_per=_AT_ONCE).execute(statement) as rows:
        for part in rows.mappings().partitions():
            writing.execute(insert(table), [dict(row) for row in part])
