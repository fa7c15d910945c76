"""Watching a growing column in Airflow's triggerer: an asset event whenever there are new rows.

An event says how far the column has grown and takes nothing: which rows a run gets, the ledger decides. So an event
may be told twice, and what was not told is told with the next. Only the last one must arrive by itself: it is kept
in the asset state store before it is told, and told again by whoever starts after a crash, until it is sure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from phonon.cursor_value import CursorValue, RowRange
from phonon.errors import ConfigurationError, PhononError

_SURE_AFTER_SECONDS = 10.0
"""The triggerer stores an event within about two seconds of its being told, and says nothing of it."""

_LONGEST_PAUSE_SECONDS = 300.0


@dataclass(frozen=True)
class _Told:
    """The newest event. ``sure``: it has certainly been stored by Airflow."""

    rows: RowRange
    sure: bool


class NewRowsTrigger(BaseEventTrigger):  # type: ignore[misc] # Airflow's classes are untyped to mypy
    """Looks at a table or query of the warehouse, and tells of rows in which a column has grown.

    The first look only marks where the campaign begins: rows that are there already are nobody's new rows. It is
    told as well, so that the ledger knows the beginning even if the asset state store is lost.

    :param watched: names what is watched; the key in the asset state store.
    :param campaign: for the log.
    :param table: the table that is watched; None for ``query``.
    :param cursor: the column that grows.
    :param every: seconds between two looks.
    :param settle: seconds from a look to its event, in which rows that were written before become visible.
    """

    def __init__(
        self,
        *,
        watched: str,
        campaign: str,
        warehouse_conn_id: str,
        table: str | None,
        query: str | None,
        cursor: str,
        every: float,
        settle: float,
    ) -> None:
        super().__init__()
        self.watched = watched
        self.campaign = campaign
        self.warehouse_conn_id = warehouse_conn_id
        self.table = table
        self.query = query
        self.cursor = cursor
        self.every = every
        self.settle = settle
        self._told: _Told | None = None
        self._told_at: float | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class's path and its arguments."""
        names = ("watched", "campaign", "warehouse_conn_id", "table", "query", "cursor", "every", "settle")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until cancelled. What goes wrong is logged and tried again: it may be mended meanwhile."""
        pause = self.every
        while True:
            rows = None
            try:
                rows = await self.look()
                pause = self.every
            except PhononError as error:
                self.log.error("Campaign %s cannot see its new rows: %s", self.campaign, error)  # noqa: TRY400 - it says all
                pause = min(2 * pause, max(self.every, _LONGEST_PAUSE_SECONDS))
            except Exception:
                self.log.exception("Campaign %s cannot see its new rows", self.campaign)
                pause = min(2 * pause, max(self.every, _LONGEST_PAUSE_SECONDS))
            if rows is not None:
                self.log.info("Campaign %s: %s", self.campaign, rows.as_json())
                yield TriggerEvent({"watched": self.watched, **rows.as_json()})
            await asyncio.sleep(pause)

    async def look(self) -> RowRange | None:
        """Look once; gives what is to be told. Takes ``settle`` seconds longer when that is something new."""
        told = self._told = self._told or await self._recall()
        if told is not None and not told.sure:
            if self._told_at is None:
                return self._telling(told)
            if time.monotonic() - self._told_at >= _SURE_AFTER_SECONDS:
                told = await self._keep(_Told(told.rows, sure=True))
        upto = await asyncio.to_thread(self._greatest)
        if told is not None and (upto is None or not upto.is_beyond(told.rows.upto)):
            return None
        await asyncio.sleep(self.settle)
        after = upto if told is None else told.rows.upto
        return self._telling(await self._keep(_Told(RowRange(after, upto), sure=False)))

    def _telling(self, told: _Told) -> RowRange:
        self._told, self._told_at = told, time.monotonic()
        return told.rows

    def _greatest(self) -> CursorValue | None:
        from phonon.hooks.warehouse import warehouse_of  # noqa: PLC0415 - heavy, and Dag files import this module
        from phonon.warehouse.growing import watched_column  # noqa: PLC0415 - as above

        warehouse = warehouse_of(self.warehouse_conn_id)
        column = watched_column(warehouse, table=self.table, query=self.query, cursor=self.cursor)
        return column.greatest(datetime.now(UTC))

    async def _recall(self) -> _Told | None:
        content = await self._store().aget(self.watched)
        if not isinstance(content, dict):
            return None
        try:
            return _Told(RowRange.from_json(content), sure=bool(content["sure"]))
        except (KeyError, TypeError, ValueError):
            self.log.warning("Campaign %s: the watermark cannot be read; the ledger has its own", self.campaign)
            return None

    async def _keep(self, told: _Told) -> _Told:
        await self._store().aset(self.watched, {**told.rows.as_json(), "sure": told.sure})
        self._told = told
        return told

    def _store(self) -> Any:
        if self.asset_state_store is None:
            raise ConfigurationError(
                "NewRowsTrigger keeps its watermark with the asset that it watches, and was started without one. "
                "Give it to an AssetWatcher of an Asset."
            )
        return self.asset_state_store
