"""Requests in flight: the socket work, in threads, apart from the sender that decides."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from phonon.api.endpoints import Endpoint
from phonon.api.transport import Exchange, Transport
from phonon.dispatch.points import Point, reached
from phonon.ledger.outbox import Batch

START_SECONDS = 15.0
"""A sender that was suspended longer than this between the ledger's commit and the socket does not send: its
lease may have ended, and another may be sending the same batch."""

_MARGIN_SECONDS = 5.0


@dataclass(frozen=True)
class Moment:
    """A moment of this process, on two clocks.

    The monotonic one stands still while the machine sleeps, and the other one can be set.
    """

    monotonic: float = field(default_factory=time.monotonic)
    wall: float = field(default_factory=time.time)

    def is_recent(self) -> bool:
        """Whether a send that was decided on then may still start, by either clock."""
        return max(time.monotonic() - self.monotonic, time.time() - self.wall) < START_SECONDS


class Flights:
    """Posts bodies with a bounded number of them in flight. Call ``close`` when done."""

    def __init__(self, transport: Transport, *, max_in_flight: int) -> None:
        self._transport = transport
        self._pool = ThreadPoolExecutor(max_in_flight, thread_name_prefix="phonon-send")
        self._flying: dict[Future[Exchange], Batch] = {}

    @property
    def lease_seconds(self) -> float:
        """The time after which a send that was taken has certainly ended."""
        return START_SECONDS + self._transport.timeout.total + _MARGIN_SECONDS

    def __len__(self) -> int:
        return len(self._flying)

    def submit(self, batch: Batch, body: bytes, *, since: Moment) -> None:
        """Start sending a batch that was taken at a time of the ledger that was read no earlier than ``since``."""
        self._flying[self._pool.submit(self._post, batch.endpoint, body, since.is_recent)] = batch

    def landed(self, *, timeout: float) -> list[tuple[Batch, Exchange]]:
        """Wait until at least one has an outcome, or for so many seconds; give all that have."""
        done, _ = wait(self._flying, timeout=timeout, return_when=FIRST_COMPLETED)
        return [(self._flying.pop(future), future.result()) for future in done]

    def close(self) -> None:
        """End the threads and the kept connections."""
        self._pool.shutdown(wait=True)
        self._transport.close()

    def _post(self, endpoint: Endpoint, body: bytes, may_start: Callable[[], bool]) -> Exchange:
        exchange = self._transport.post(endpoint, body, may_start=may_start)
        reached(Point.AFTER_ANSWER)
        return exchange
