"""Which rows of a growing table each interval has taken: one range after the other, without a gap.

Every function works inside a transaction of the caller, who holds the campaign's lock when recording.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select

from phonon.cursor_value import RowRange
from phonon.errors import LedgerError
from phonon.ledger.schema import intervals, row_ranges


def range_of(connection: Connection, watched: str, interval_id: int) -> RowRange | None:
    """The range that an interval has taken already."""
    wanted = select(row_ranges).where(row_ranges.c.watched == watched, row_ranges.c.interval_id == interval_id)
    return _range(connection.execute(wanted).one_or_none())


def newest_range(connection: Connection, watched: str) -> RowRange | None:
    """The range that was taken last, by whichever interval."""
    newest = select(row_ranges).where(row_ranges.c.watched == watched).order_by(row_ranges.c.id.desc()).limit(1)
    return _range(connection.execute(newest).one_or_none())


def last_watched(connection: Connection, campaign: str) -> str | None:
    """What the campaign's newest range is of; None before its first."""
    of_campaign = row_ranges.join(intervals, intervals.c.id == row_ranges.c.interval_id)
    newest = (
        select(row_ranges.c.watched)
        .select_from(of_campaign)
        .where(intervals.c.campaign == campaign)
        .order_by(row_ranges.c.id.desc())
        .limit(1)
    )
    watched: str | None = connection.execute(newest).scalar()
    return watched


def record_range(connection: Connection, watched: str, interval_id: int, rows: RowRange) -> None:
    """Record what an interval takes. It has taken nothing before."""
    values = {"watched": watched, "interval_id": interval_id, **rows.as_json()}
    connection.execute(insert(row_ranges).values(values))


def _range(row: Any) -> RowRange | None:
    if row is None:
        return None
    try:
        return RowRange.from_json({"after": row.after, "upto": row.upto})
    except ValueError:
        raise LedgerError(
            f"The ledger's row range {row.id} cannot be read. A newer version of this project has written it: use "
            "that one."
        ) from None
