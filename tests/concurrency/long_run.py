"""A long run of several senders in simulated time: real ledger, real dispatch, the stand-in's core, no sockets."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ledger.promises import NOON, new_batch, new_plan
from phonon.api.endpoints import Endpoint
from phonon.dispatch.dispatcher import Dispatcher, Stopped
from phonon.dispatch.flights import Flights
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import SendingRules
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import add_batch, finish_plan
from phonon.ledger.report import result_rows, totals
from phonon.ledger.schema import batches as batches_table
from phonon.ledger.shares import WHOLE, Share
from phonon.ledger.store import Ledger
from planning.windows import ALWAYS
from simulation.hosts import SimulatedProcess, Weather
from simulation.timeline import Timeline
from simulation.wire import Roads, SimulatedTransport, Wire
from simulator import Phonon, Settings
from simulator.settings import Endpoint as Door
from trial import sqlite_url

SECURITY_ID = "Zz09" * 16
_ROADS = Roads(latencies=(0.1, 0.25, 0.4))
"""Half a second for both ways is slow for either endpoint."""


class LongRun:
    """One campaign and several senders. ``phonon``: settings of the stand-in."""

    def __init__(self, folder: Path, *, per_minute: int, **phonon: Any) -> None:
        self._timeline = Timeline(1, NOON)
        self.phonon = Phonon(Settings(**{"bulk_per_minute": 0, **phonon}))
        self._wire = Wire(self._timeline, self.phonon, _ROADS, lambda _: self.phonon.faults.draw(Door.BULK))
        self.ledger = Ledger(sqlite_url(folder), clock=lambda: self._timeline.now)
        self.limit = RateLimit(Endpoint.BULK, self.ledger.account(SECURITY_ID), per_minute)
        self._calls = 0
        self._interval_id = 0

    def plan(self, *, batches: int, calls: int) -> None:
        with self.ledger.transaction() as connection:
            plan = new_plan(connection)
            for number in range(batches):
                names = [f"b{number}c{i}" for i in range(calls)]
                add_batch(connection, plan, new_batch(names), NOON)
            finish_plan(connection, plan, rows_read=0, planned=batches * calls, now=NOON)
        self._calls, self._interval_id = batches * calls, plan.interval_id

    def run(self, senders: int, *, as_shards: bool = False, kill: float | None = None) -> list[Stopped | None]:
        """Have several senders send all; gives how each ended.

        ``kill``: the seconds after which the first is gone, on a machine that the others cannot see.
        """
        ended: list[Stopped | None] = []
        for number in range(senders):
            process = SimulatedProcess(self._timeline, f"P{number}", self.ledger, Weather())
            share = Share(number, senders) if as_shards else WHOLE
            process.start(lambda each=process, share=share: ended.append(self._send(each, share)))
            if kill is not None and number == 0:
                self._timeline.after(kill, process.kill)
        self._timeline.run()
        return ended

    def _send(self, process: SimulatedProcess, share: Share) -> Stopped | None:
        log = logging.getLogger("long run")
        transport = SimulatedTransport(self._wire, process)
        flights = Flights(transport, max_in_flight=4, process=process.as_process(lambda _: False))
        rules = SendingRules(window=ALWAYS, limits=dict.fromkeys(Endpoint, self.limit), max_in_flight=4)
        dispatcher = Dispatcher(
            process.ledger,
            flights,
            rules,
            security_id=SECURITY_ID,
            run_id=f"run-{process.name}",
            log=log,
            share=share,
        )
        return dispatcher.send(self._interval_id, Progress(log, self._calls, None))

    def arrivals(self) -> list[float]:
        """When each accepted call arrived at Phonon, in seconds since the start, in order."""
        return sorted(call.received_at.timestamp() - NOON for call in self.phonon.accepted())

    def requests(self) -> list[float]:
        """When each request arrived at Phonon, in seconds since the start."""
        return [each.at - NOON for each in self._wire.received]

    def senders(self) -> dict[int, str]:
        """Who sent each batch last, by the batch's id."""
        with self.ledger.transaction(read_only=True) as connection:
            rows = connection.execute(select(batches_table.c.id, batches_table.c.owner))
            return {row.id: row.owner for row in rows}

    def statuses(self) -> Counter[str]:
        """The number of calls of each status."""
        with self.ledger.transaction(read_only=True) as connection:
            counted = totals(connection, self._interval_id).by_status
        return Counter({status.value: count for status, count in counted.items() if count})

    def highest_in_any_minute(self) -> int:
        (highest,) = self.phonon.summary()["highest_in_any_minute"]["bulk"].values()
        return highest

    def assert_nobody_is_lost(self) -> None:
        rows = [row for chunk in result_rows(self.ledger, self._interval_id, chunk_rows=1000) for row in chunk]
        accepted = [call.client_identifier for call in self.phonon.accepted()]
        assert sorted(row["client_identifier"] for row in rows) == sorted(accepted)
        assert len(accepted) == len(set(accepted)) == self._calls
        assert {row["status"] for row in rows} == {"accepted"}
