"""Batches for tests of dispatch, and a sender with a real ledger, a real socket and a clock of its own."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import requests
from sqlalchemy import URL

from ledger.promises import NOON, new_batch, new_plan
from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.api.transport import Timeout, Transport
from phonon.api.verdict import Past
from phonon.dispatch.dispatcher import Dispatcher, Stopped
from phonon.dispatch.flights import Flights
from phonon.dispatch.process import Ending
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import SendingRules
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import add_batch, finish_plan
from phonon.ledger.outbox import Batch
from phonon.ledger.report import result_rows
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from planning.windows import ALWAYS
from simulator.running import Handle
from simulator.settings import IST

SECURITY_ID = "Zz09" * 16


def batch(**changes: Any) -> Batch:
    """A batch of four calls that was never sent, due at noon UTC."""
    frozen = new_batch(["a", "b", "c", "d"]).frozen
    usual = Batch(
        id=1,
        endpoint=Endpoint.REALTIME,
        api_version="1.0",
        flow_id="abcdEF12",
        calls=4,
        frozen=frozen,
        starts_at=NOON,
        not_after=NOON + 36_000,
        state=BatchState.PENDING,
        past=Past.FIRST,
        attempts=0,
        fence=0,
        body_sha256=None,
        code=None,
    )
    return replace(usual, **changes)


def rules(**changes: Any) -> SendingRules:
    limits = {endpoint: RateLimit(endpoint, "account", 6000) for endpoint in Endpoint}
    return replace(SendingRules(window=ALWAYS, limits=limits), **changes)


@dataclass
class RunningClock:
    """A clock that was set to some time, and goes on from there ``speed`` times as fast as usual."""

    start: float = NOON
    speed: float = 1.0
    _since: float = field(default_factory=time.monotonic)

    def __call__(self) -> float:
        return self.start + (time.monotonic() - self._since) * self.speed

    def ist(self) -> datetime:
        return datetime.fromtimestamp(self(), IST)


class Campaign:
    """Batches of one interval and their sender."""

    def __init__(self, ledger_url: URL, clock: RunningClock, phonon: Handle | None, sizes: Sequence[int]) -> None:
        self.ledger = Ledger(ledger_url, clock=clock)
        self.phonon = phonon
        self.urls = dict.fromkeys(Endpoint, "http://127.0.0.1:9/")
        if phonon is not None:
            self.urls = {Endpoint.BULK: phonon.bulk_url, Endpoint.REALTIME: phonon.realtime_url}
        self._clock = clock
        self._sizes = sizes

    def plan(self, *, endpoint: Endpoint = Endpoint.BULK) -> int:
        starts_at = float(int(self._clock()))
        with self.ledger.transaction() as connection:
            plan = new_plan(connection)
            for number, size in enumerate(self._sizes):
                names = [f"b{number}c{i}" for i in range(size)]
                add_batch(connection, plan, new_batch(names, endpoint=endpoint, starts_at=starts_at), starts_at)
            finish_plan(connection, plan, rows_read=0, planned=sum(self._sizes), now=starts_at)
        return plan.interval_id

    def send(
        self,
        interval_id: int,
        *,
        security_id: str = SECURITY_ID,
        ending: Ending | None = None,
        read_seconds: float = 2,
        **changes: Any,
    ) -> Stopped | None:
        session = requests.Session()
        session.trust_env = False
        by = rules(**changes)
        transport = Transport(session, self.urls, Timeout(2, read_seconds))
        flights = Flights(transport, max_in_flight=by.max_in_flight)
        log = logging.getLogger("sending")
        dispatcher = Dispatcher(
            self.ledger, flights, by, security_id=security_id, run_id="run-1", log=log, ending=ending
        )
        return dispatcher.send(interval_id, Progress(log, sum(self._sizes), None))

    def rows(self) -> list[dict[str, Any]]:
        return [row for chunk in result_rows(self.ledger, 1, chunk_rows=1000) for row in chunk]

    def statuses(self) -> Counter[str]:
        return Counter(row["status"] for row in self.rows())

    def assert_books_agree(self) -> None:
        assert self.phonon is not None
        accepted = Counter(call.client_identifier for call in self.phonon.accepted())
        assert all(times == 1 for times in accepted.values()), "a person was called twice"
        shown = {row["client_identifier"]: row["status"] for row in self.rows()}
        assert len(shown) == sum(self._sizes)
        assert {shown[name] for name in accepted} <= {"accepted", "accepted_earlier", "held"}
        assert {name for name, status in shown.items() if status.startswith("accepted")} <= accepted.keys()


def starts_of(frozen: bytes) -> list[float]:
    return [datetime.fromisoformat(call["start-time"]).astimezone(UTC).timestamp() for call in thaw(frozen)]
