"""Which new rows a run takes. The ledger decides, whatever Airflow tells twice, late, together or not at all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from phonon.campaign.schedule import NewRows
from phonon.cursor_value import CursorValue, RowRange
from phonon.errors import ConfigurationError
from phonon.ledger.claims import find_interval, lock_campaign
from phonon.ledger.row_ranges import last_watched, newest_range, range_of, record_range
from phonon.ledger.store import Ledger
from phonon.warehouse.growing import GrowingColumn, watched_column
from phonon.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class TakingNewRows:
    """A campaign's runs take the rows of what it watches, each row once, whatever their order."""

    campaign: str
    watch: NewRows
    ledger: Ledger
    warehouse: Warehouse

    def query(self, contacts: str, interval_key: str, told: RowRange | None, *, record: bool) -> str:
        """The contacts query, of the rows that an interval takes: always the same ones, once it has taken them.

        :param told: what the events that started the run tell; None for a run that a person started, which
            takes what there is.
        :param record: False for a dry run, which takes nothing away from others; one before the first rows are
            new shows what the query as a whole would lead to.

        Raises ConfigurationError when nobody can tell which rows are new, and as GrowingColumn.between does.
        """
        column = GrowingColumn(self.warehouse, contacts, self.watch.cursor, "The contacts query")
        if not record and told is None and self._is_new():
            return contacts
        return column.between(self._rows(interval_key, told, record=record))

    def _is_new(self) -> bool:
        with self.ledger.transaction(read_only=True) as connection:
            return last_watched(connection, self.campaign) is None

    def _rows(self, interval_key: str, told: RowRange | None, *, record: bool) -> RowRange:
        with self.ledger.transaction() as connection:
            interval_id = find_interval(connection, self.campaign, interval_key)
            taken = range_of(connection, self._watched, interval_id)
            newest = newest_range(connection, self._watched)
            last = last_watched(connection, self.campaign)
        if taken is not None and last == self._watched:
            return taken
        self._check_unchanged(last)
        if told is None and newest is None:
            raise ConfigurationError(
                f"Campaign {self.campaign} calls rows that are added after its first run, which starts by itself "
                "once the triggerer has looked at its table; there was none yet. Nothing was planned. Check that "
                "the Dag is not paused and that the triggerer runs, then start this run again."
            )
        told = told or RowRange(None, self._settled())
        with self.ledger.transaction() as connection:
            lock_campaign(connection, self.campaign)
            self._check_unchanged(last_watched(connection, self.campaign))
            taken = range_of(connection, self._watched, interval_id)
            if taken is None:
                taken = _next(newest_range(connection, self._watched), told)
                if record:
                    record_range(connection, self._watched, interval_id, taken)
        return taken

    def _check_unchanged(self, last: str | None) -> None:
        """Raise if the campaign has watched something else last: its watermark says nothing of other rows."""
        if last not in {None, self._watched}:
            raise ConfigurationError(
                f"Run: phonon new-rows begin {self.campaign} --after VALUE. Rows beyond VALUE are new then.\n"
                f"new_rows of campaign {self.campaign} has another cursor, table or query than when it ran last: "
                "nobody can tell which rows were called already. Nothing was planned. VALUE is the greatest "
                f"{self.watch.cursor} of the rows that were called. Or leave out all rows that are there by "
                "--from-now, or change the file back."
            )

    def _settled(self) -> CursorValue | None:
        """How far the column has grown, once the rows before that can be seen."""
        watch = self.watch
        column = watched_column(self.warehouse, table=watch.table, query=watch.query, cursor=watch.cursor)
        greatest = column.greatest(datetime.now(UTC))
        time.sleep(watch.settle.total_seconds())
        return greatest

    @property
    def _watched(self) -> str:
        return self.watch.key_of(self.campaign)


def _next(newest: RowRange | None, told: RowRange) -> RowRange:
    """From where the last range ended; the events say where to begin only when there was none."""
    after = newest.upto if newest is not None else told.after
    return RowRange(after, told.upto if told.upto is not None and told.upto.is_beyond(after) else after)
