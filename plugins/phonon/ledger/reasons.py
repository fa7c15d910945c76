"""How many rows an interval's newest plan has read, and why people among them were not called."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, case, func, select

from phonon.ledger.report import CLAIMED_ELSEWHERE
from phonon.ledger.schema import intervals, plans, rejects

MOST_REASONS = 10
_SAME_NUMBER = "same number as another contact in this run"


def reasons_not_called(connection: Connection, interval_id: int) -> dict[str, int]:
    """The reasons of the rows that the interval's newest plan did not turn into calls, the most common first.

    What names another contact is counted as one reason. There are ``MOST_REASONS`` at most.
    """
    found = connection.execute(_REASONS, {"interval": interval_id, "most": MOST_REASONS})
    return {row.why: int(row.rows) for row in found}


def rows_read_of(connection: Connection, interval_id: int) -> int:
    """Rows that the query of the interval's newest plan returned."""
    return int(connection.execute(_ROWS_READ, {"interval": interval_id}).scalar() or 0)


_ROWS_READ = (
    select(plans.c.rows_read)
    .join(intervals, intervals.c.plan_id == plans.c.id)
    .where(intervals.c.id == bindparam("interval"))
)
# In the database: with a reason for each contact, a large run has as many reasons as rows.
_WHY = case((rejects.c.reason.like("same number as %"), _SAME_NUMBER), else_=rejects.c.reason).label("why")
_REASONS = (
    select(_WHY, func.count().label("rows"))
    .select_from(rejects.join(intervals, intervals.c.plan_id == rejects.c.plan_id))
    .where(intervals.c.id == bindparam("interval"), ~CLAIMED_ELSEWHERE)
    .group_by(_WHY)
    .order_by(func.count().desc(), _WHY)
    .limit(bindparam("most"))
)
