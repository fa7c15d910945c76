"""Requests in flight: the socket work, in threads, apart from the sender that decides."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from phonon.api.endpoints import Endpoint
from phonon.api.transport import Exchange, Transport
from phonon.dispatch.points import Point, reached
from phonon.dispatch.process import START_SECONDS, Moment, Process
from phonon.ledger.outbox import Batch

_MARGIN_SECONDS = 5.0


class Flights:
    """Posts bodies with a bounded number of them in flight. Call ``close`` when done."""

    def __init__(self, transport: Transport, *, max_in_flight: int, process: Process | None = None) -> None:
        self.process = process or Process()
        self._transport = transport
        self._threads = self.process.threads(max_in_flight)
        self._flying: dict[Future[Exchange], Batch] = {}

    @property
    def lease_seconds(self) -> float:
        """The time after which a send that was taken has certainly ended."""
        return START_SECONDS + self._transport.timeout.total + _MARGIN_SECONDS

    def __len__(self) -> int:
        return len(self._flying)

    def submit(self, batch: Batch, body: bytes, *, since: Moment) -> None:
        """Start sending a batch that was taken at a time of the ledger that was read no earlier than ``since``."""

        def may_start() -> bool:
            return self.process.may_start(since)

        self._flying[self._threads.submit(self._post, batch.endpoint, body, may_start)] = batch

    def landed(self, *, timeout: float) -> list[tuple[Batch, Exchange]]:
        """Wait until at least one has an outcome, or for so many seconds; give all that have."""
        done = self.process.wait(self._flying, timeout)
        return [(self._flying.pop(future), future.result()) for future in list(self._flying) if future in done]

    def cut_off(self) -> None:
        """End what is in flight: it lands soon, without an answer."""
        self._transport.cut_off()

    def close(self) -> None:
        """End the threads and the kept connections."""
        self._threads.shutdown(wait=True)
        self._transport.close()

    def _post(self, endpoint: Endpoint, body: bytes, may_start: Callable[[], bool]) -> Exchange:
        exchange = self._transport.post(endpoint, body, may_start=may_start)
        reached(Point.AFTER_ANSWER)
        return exchange
