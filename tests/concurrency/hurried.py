"""Senders on a clock that runs many times as fast as usual, in threads or processes, with real sockets.

The ledger, the stand-in Phonon and all senders share the clock. What it cannot hurry is a lease: it must outlast
the real time of a send, so the timeouts are long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import requests
from sqlalchemy import URL

from dispatch.sending import RunningClock
from ledger.promises import new_batch, new_plan
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Timeout, Transport
from phonon.dispatch.dispatcher import Dispatcher, Stopped
from phonon.dispatch.flights import Flights
from phonon.dispatch.process import Process
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import SendingRules
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import add_batch, finish_plan
from phonon.ledger.store import Ledger
from planning.windows import ALWAYS
from simulator.running import Handle

SECURITY_ID = "Zz09" * 16
_TIMEOUT = Timeout(connect=1500, read=1500)


@dataclass(frozen=True)
class Hurried:
    """What a sender has to know, in this process or another: the clock of a machine is the same in all of them."""

    ledger_url: URL
    clock: RunningClock
    urls: Mapping[Endpoint, str]
    per_minute: int
    counts_requests: bool = False

    def plan(self, campaign: str, *, batches: int, calls: int) -> int:
        """Plan batches of so many calls on bulk; gives the interval's id."""
        ledger = Ledger(self.ledger_url, clock=self.clock)
        now = float(int(self.clock()))
        with ledger.transaction() as connection:
            plan = new_plan(connection, campaign=campaign)
            for number in range(batches):
                names = [f"{campaign}-b{number}c{i}" for i in range(calls)]
                add_batch(connection, plan, new_batch(names, starts_at=now), now)
            finish_plan(connection, plan, rows_read=0, planned=batches * calls, now=now)
        ledger.close()
        return plan.interval_id

    def send(self, interval_id: int, run_id: str) -> Stopped | None:
        """Send all that is open of an interval."""
        ledger = Ledger(self.ledger_url, clock=self.clock)
        session = requests.Session()
        session.trust_env = False
        account = ledger.account(SECURITY_ID)
        limits = {
            endpoint: RateLimit(endpoint, account, self.per_minute, self.counts_requests) for endpoint in Endpoint
        }
        process = replace(Process(), sleep=lambda seconds: time.sleep(seconds / self.clock.speed))
        flights = Flights(Transport(session, self.urls, _TIMEOUT), max_in_flight=4, process=process)
        rules = SendingRules(window=ALWAYS, limits=limits, max_in_flight=4)
        log = logging.getLogger("hurried")
        dispatcher = Dispatcher(ledger, flights, rules, security_id=SECURITY_ID, run_id=run_id, log=log)
        try:
            return dispatcher.send(interval_id, Progress(log, 0, None))
        finally:
            ledger.close()


def urls_of(phonon: Handle) -> dict[Endpoint, str]:
    return {Endpoint.BULK: phonon.bulk_url, Endpoint.REALTIME: phonon.realtime_url}


def send_in_process(hurried: Hurried, interval_id: int, run_id: str) -> None:
    """The whole life of a process; its exit code tells whether it sent all."""
    stopped = hurried.send(interval_id, run_id)
    if stopped is not None:
        raise SystemExit(str(stopped))
