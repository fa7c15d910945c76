"""The stand-in itself: a pure core that is handed requests and the time, and answers them.

Made from Phonon's documentation, not from the real service. It has no socket, no thread and no clock, so the
same requests at the same times always end the same way (with ``Settings.seed``, to the last id).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from simulator import answers
from simulator.account import Account
from simulator.arrival import Arrival, Reply
from simulator.faults import Fault, Faults, When
from simulator.ids import RequestIds
from simulator.record import AcceptedCall
from simulator.settings import Endpoint, Settings
from simulator.summary import Summary


class Phonon:
    """One Phonon as far as its create call shows it. Not safe for threads: one caller at a time."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings if settings is not None else Settings()
        self.faults = Faults()
        self._ids = RequestIds(self.settings.seed)
        self._account = Account(self.settings)

    def reset(self) -> None:
        """Forget everything: accepted calls, counts, checksums, the used limit, and faults that wait."""
        self.faults.clear()
        self._account = Account(self.settings)

    def handle(self, endpoint: Endpoint, body: bytes, *, now: datetime, source_ip: str) -> Reply:
        """Answer one request whose body had arrived whole at ``now`` (an aware time).

        What a fault does to the connection is told by the reply's ``delivery`` and ``delay_seconds``.

        :raises ValueError: ``now`` has no time zone.
        """
        arrival = Arrival(endpoint=endpoint, body=body, now=now, source_ip=source_ip)
        return self.answer(arrival, self.faults.draw(endpoint))

    def answer(self, arrival: Arrival, fault: Fault | None) -> Reply:
        """Answer one request that suffers a fault which the caller has drawn from :attr:`faults`."""
        request_id = self._ids.next()
        seen = fault is None or fault.moment == When.AFTER
        reply = self._account.judge(arrival, fault, request_id) if seen else answers.bare(200)
        if fault is not None:
            reply = answers.spoiled(fault, reply, settings=self.settings, request_id=request_id)
        self._account.books.answered(arrival.endpoint, len(arrival.body), reply)
        return replace(reply, delay_seconds=reply.delay_seconds + self.settings.delay_seconds)

    def accepted(self) -> Iterator[AcceptedCall]:
        """Yield every accepted call in the order of acceptance."""
        return iter(self._account.record)

    def latest(self, count: int) -> list[AcceptedCall]:
        """Return the calls accepted last, the newest first."""
        return self._account.record.latest(count)

    def summary(self) -> Summary:
        """Return the counts of the run so far."""
        return self._account.books.summary(self._account.record)
