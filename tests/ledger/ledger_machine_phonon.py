"""A Phonon as far as a ledger can notice it: it accepts, refuses, fails and loses answers, and remembers bytes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum

from phonon.api.answer import Answer
from phonon.api.codes import Code
from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.api.transport import Exchange, NoAnswer
from phonon.ledger.outbox import Batch


class Way(StrEnum):
    """What becomes of a request that arrives."""

    FINE = "fine"
    PARTIAL = "partial"
    """Every second call is accepted."""
    FAILED = "failed"
    """Code 500, and all is accepted."""
    THROTTLED = "throttled"
    BAD_CALL = "bad call"
    NO_MASK = "no mask"
    NO_MONEY = "no money"


_REFUSALS = {
    Way.BAD_CALL: Code.INVALID_CONTACT_NUMBER,
    Way.NO_MASK: Code.NO_MASK_AVAILABLE,
    Way.NO_MONEY: Code.INSUFFICIENT_BALANCE,
}


@dataclass(eq=False)
class Flight:
    """A batch that was taken, on its way. Times are true ones, which no clock shows."""

    batch: Batch
    body: bytes
    run_id: str
    ends_at: float
    answer: Exchange | None = None
    """What Phonon said; None while the request has not arrived."""


class ModelPhonon:
    """``bulk_drops``: bulk answers a repeated body as if accepted, and calls nobody; else it refuses it."""

    def __init__(self, *, bulk_drops: bool) -> None:
        self.accepted: Counter[str] = Counter()
        # Spared by a partial success. If its answer is lost, the 201 that follows tells nothing of them.
        self.left_out: set[str] = set()
        self.arrivals: dict[Endpoint, list[tuple[float, int]]] = defaultdict(list)
        self._remembered: set[tuple[Endpoint, bytes]] = set()
        self._bulk_drops = bulk_drops

    def receive(self, flight: Flight, way: Way, *, lost: bool, at: float) -> None:
        """Deal with a request; ``lost``: its answer does not reach the sender."""
        batch = flight.batch
        self.arrivals[batch.endpoint].append((at, batch.calls))
        answer = self._answer(batch, flight.body, way)
        flight.answer = NoAnswer("reset") if lost else answer

    def _answer(self, batch: Batch, body: bytes, way: Way) -> Answer:
        names = [call["client-identifier"] for call in thaw(batch.frozen)]
        if way is Way.THROTTLED:
            return Answer(429, None, "no api-response-code", None, None, 3.0)
        if (batch.endpoint, body) in self._remembered:
            if batch.endpoint is Endpoint.BULK and self._bulk_drops:
                return self._yes(batch, names)
            return Answer(200, Code.CHECKSUM_REPEATED, "Checksum Repeated", None, None)
        if way in _REFUSALS:
            return Answer(200, _REFUSALS[way], way, None, None)
        self._remembered.add((batch.endpoint, body))
        return self._accept(batch, names, way)

    def _accept(self, batch: Batch, names: list[str], way: Way) -> Answer:
        accepted = names[::2] if way is Way.PARTIAL else names
        self.accepted.update(accepted)
        self.left_out.update(set(names) - set(accepted))
        if way is Way.FAILED:
            return Answer(200, Code.FAILURE, "Failure", None, None)
        if way is Way.PARTIAL:
            return Answer(200, Code.PARTIAL_SUCCESS, "Partial Success", "r", dict.fromkeys(accepted, "u"))
        return self._yes(batch, names)

    def _yes(self, batch: Batch, names: list[str]) -> Answer:
        if batch.endpoint is Endpoint.BULK:
            return Answer(202, Code.ACCEPTED_OR_INVALID_SECURITY_ID, "Accepted", "r", None)
        return Answer(200, Code.SUCCESS, "Success", "r", dict.fromkeys(names, "u"))

    def highest_in_any_minute(self, endpoint: Endpoint) -> int:
        """The most calls that arrived in any 60 seconds, those that were refused among them."""
        arrivals = self.arrivals[endpoint]
        sums = (sum(calls for at, calls in arrivals if first <= at < first + 60) for first, _ in arrivals)
        return max(sums, default=0)
