"""The simulated network between senders and a Phonon: latency, loss, late and repeated arrivals, bad answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from phonon.api.answer import read_answer
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Exchange, NoAnswer, NotSent, Timeout
from simulation.hosts import SimulatedProcess
from simulation.timeline import Timeline
from simulator.arrival import Arrival, Delivery, Reply
from simulator.faults import Fault
from simulator.settings import Endpoint as Door
from simulator.standin import Phonon

TIMEOUT = Timeout(connect=2.0, read=10.0)
_SUCCESSES = ("200 Success", "202 Accepted")


@dataclass
class Roads:
    """How likely each thing is that can happen to a request on its way."""

    unreachable: float = 0.0
    lost: float = 0.0
    answer_lost: float = 0.0
    late: float = 0.0
    repeated: float = 0.0
    suspended_at_first_byte: float = 0.0
    latencies: Sequence[float] = (0.01, 0.05, 0.2, 1.0, 4.0)
    """Seconds for one way."""


@dataclass(frozen=True)
class Received:
    """A request as it arrived at Phonon's side. ``lapsed``: its sender was suspended at the first byte."""

    at: float
    endpoint: Endpoint
    account: str
    calls: int
    lapsed: bool


class Wire:
    """One Phonon, and the way there."""

    def __init__(
        self, timeline: Timeline, phonon: Phonon, roads: Roads, draw_fault: Callable[[Endpoint], Fault | None]
    ) -> None:
        self.timeline = timeline
        self.phonon = phonon
        self.roads = roads
        self.received: list[Received] = []
        self.said_yes: set[str] = set()
        """Names of calls in requests that were answered with a success, which a queue also does with a copy."""
        self._draw_fault = draw_fault

    def arrive(self, endpoint: Endpoint, body: bytes, *, lapsed: bool, repeated: bool = False) -> Reply:
        """Hand a request to Phonon. ``repeated``: a copy of one that was received and accepted before."""
        now = datetime.fromtimestamp(self.timeline.now, UTC)
        arrival = Arrival(endpoint=Door(endpoint.value), body=body, now=now, source_ip="127.0.0.1")
        fault = None if repeated else self._draw_fault(endpoint)
        reply = self.phonon.answer(arrival, fault)
        account, calls = body.split(b'"', 8)[7].decode(), body.count(b'"client-identifier"')
        if not repeated:
            self.received.append(Received(self.timeline.now, endpoint, account, calls, lapsed))
        if reply.code in _SUCCESSES:
            self.said_yes |= {call["client-identifier"] for call in json.loads(body)["calls"]}
        self.timeline.tell(
            f"PHONON: {calls} calls{' again' if repeated else ''}, {fault.kind if fault else 'no fault'} "
            f"-> {reply.outcome} {reply.code}"
        )
        return reply


class SimulatedTransport:
    """In the place of the transport: the same answers to the same question, over the simulated wire."""

    timeout = TIMEOUT

    def __init__(self, wire: Wire, process: SimulatedProcess) -> None:
        self._wire = wire
        self._process = process
        self._boxes: set[Future[Any]] = set()

    def post(self, endpoint: Endpoint, content: bytes, *, may_start: Callable[[], bool]) -> Exchange:
        """Send one body once."""
        timeline, roads, process = self._wire.timeline, self._wire.roads, self._process
        process.step("connects")
        if not may_start():
            return NotSent("TimeoutError")
        if timeline.chance(roads.unreachable):
            return NotSent("ConnectTimeout")
        lapsed = timeline.chance(roads.suspended_at_first_byte)
        if lapsed:
            process.suspend(timeline.random.choice((20.0, 100.0)))
            process.step("was asleep at the first byte")
        return self._await(self._send(endpoint, content, lapsed=lapsed))

    def cut_off(self) -> None:
        """End what is in flight."""
        for box in list(self._boxes):
            if not box.done():
                box.set_result(None)

    def close(self) -> None:
        """Nothing is kept."""

    def _send(self, endpoint: Endpoint, content: bytes, *, lapsed: bool) -> Future[Any]:
        """Have the body arrive some time, or never; gives the box into which the answer comes."""
        timeline, roads = self._wire.timeline, self._wire.roads
        box: Future[Any] = Future()
        self._boxes.add(box)
        if timeline.chance(roads.lost):
            if timeline.chance(0.5):
                timeline.after(0.2, lambda: _answer(box, None))
            return box
        # Bytes may lie in a buffer on the way for longer than the sender waits, but not past its lease.
        late = timeline.chance(roads.late)
        timeline.happened["late"] += late
        travel = timeline.random.uniform(0, 14.0) if late else timeline.random.choice(roads.latencies)
        timeline.after(travel, lambda: self._arrived(box, endpoint, content, lapsed))
        return box

    def _arrived(self, box: Future[Any], endpoint: Endpoint, content: bytes, lapsed: bool) -> None:
        timeline, roads = self._wire.timeline, self._wire.roads
        reply = self._wire.arrive(endpoint, content, lapsed=lapsed)
        if reply.code in _SUCCESSES and timeline.chance(roads.repeated):
            timeline.happened["repeated"] += 1
            # As a proxy that lost the answer does it, and asks again by itself.
            copy = self._wire.arrive(endpoint, content, lapsed=lapsed, repeated=True)
            reply = reply if copy.status == 429 else copy
        if timeline.chance(roads.answer_lost) or reply.delivery is Delivery.NEVER:
            return
        back = timeline.random.choice(roads.latencies) + reply.delay_seconds
        timeline.after(back, lambda: _answer(box, reply if reply.delivery is Delivery.WHOLE else None))

    def _await(self, box: Future[Any]) -> Exchange:
        self._process.as_process(lambda _: False).wait([box], TIMEOUT.read)
        self._boxes.discard(box)
        reply: Reply | None = box.result() if box.done() else None
        if reply is None:
            return NoAnswer("TimeoutError")
        return read_answer(reply.status, reply.body, retry_after=reply.headers.get("Retry-After"))


def _answer(box: Future[Any], reply: Reply | None) -> None:
    if not box.done():
        box.set_result(reply)
