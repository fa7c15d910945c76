"""A person says from where on rows are new, when a campaign begins to watch something else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from phonon.campaign.schedule import NewRows
from phonon.cursor_value import CursorValue, RowRange
from phonon.errors import ConfigurationError
from phonon.ledger.claims import find_interval, lock_campaign
from phonon.ledger.row_ranges import record_range
from phonon.ledger.store import Ledger
from phonon.warehouse.growing import GrowingColumn, watched_column
from phonon.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Beginning:
    """From where on rows are new, and how many there are already."""

    after: CursorValue
    waiting: int


class NewRowsBeginning:
    """Carries the watermark of a campaign over to what its file watches now."""

    def __init__(self, campaign: str, watch: NewRows, *, ledger: Ledger, warehouse: Warehouse) -> None:
        self._campaign = campaign
        self._watch = watch
        self._ledger = ledger
        self._warehouse = warehouse

    def look(self, after: str | None) -> Beginning:
        """Say what would be new.

        :param after: a value of the cursor, as SQL writes it without quotes; None for the greatest there is now.
        :raises ConfigurationError: if it is no value of the column, or there are no rows to tell its kind by.
        """
        column = watched_column(
            self._warehouse, table=self._watch.table, query=self._watch.query, cursor=self._watch.cursor
        )
        greatest = column.greatest(datetime.now(UTC))
        if greatest is None:
            raise ConfigurationError(
                f"{column.of} has no rows with a {self._watch.cursor} yet: the next run would take all that come. "
                "Nothing was changed: begin once there is a row."
            )
        beginning = greatest if after is None else _value(greatest, after, self._watch.cursor)
        return Beginning(beginning, self._beyond(column, RowRange(beginning, greatest)))

    def begin(self, beginning: Beginning) -> None:
        """Record it: the next run takes the rows beyond."""
        with self._ledger.transaction() as connection:
            lock_campaign(connection, self._campaign)
            now = datetime.fromtimestamp(self._ledger.now(connection), UTC)
            # A range of no rows needs an interval, in which nobody is ever planned.
            key = f"new_rows:{now.isoformat(timespec='microseconds')}"
            interval_id = find_interval(connection, self._campaign, key)
            nothing = RowRange(beginning.after, beginning.after)
            record_range(connection, self._watch.key_of(self._campaign), interval_id, nothing)

    def _beyond(self, column: GrowingColumn, rows: RowRange) -> int:
        sql = f"SELECT count(*) AS waiting FROM ({column.between(rows)}) counted"  # noqa: S608 - the user's own query
        (chunk,) = self._warehouse.read(sql, chunk_rows=1)
        return int(str(chunk.iat[0, 0]))


def _value(like: CursorValue, text: str, cursor: str) -> CursorValue:
    try:
        return CursorValue.of(like.kind, CursorValue.parse(f"{like.kind.value}:{text}").value)
    except (ValueError, ArithmeticError):
        raise ConfigurationError(
            f"--after {text}: not a value of {cursor}, which is a {like.kind.value} such as {like.plain}."
        ) from None
