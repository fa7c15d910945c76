"""What may be wrong with an answer, as far as the documentation leaves it open."""

from __future__ import annotations

from random import Random

from phonon.api.endpoints import Endpoint
from simulator.faults import Fault, Kind, When

_REFUSALS = (205, 210, 400, 402, 303, 208, 206, 500)
_STOPS = (211, 212, 202, 203, 301, 401)
_UNKNOWN_STATUS = (500, 502, 503, 504, 302, 200)
_MOST_SPARED = 3
"""Failures (206, 500) that spared the calls, in one schedule: fewer than a sender's tries, since real time's
last one is shown as refused (contract, "What the codes lead to")."""


class FaultSource:
    """Draws a fault for each request, at some rate."""

    def __init__(self, random: Random, rate: float) -> None:
        self.rate = rate
        self._random = random
        self._spared = 0

    def draw(self, endpoint: Endpoint) -> Fault | None:
        """The fault that the next request suffers, if any."""
        if self._random.random() >= self.rate:
            return None
        return self._random.choice((self._code, self._status, self._silence, self._strange, self._partial))()

    def _code(self) -> Fault | None:
        code = self._random.choice(_REFUSALS if self._random.random() < 0.8 else _STOPS)
        if code not in {206, 500}:
            return Fault(Kind.CODE, code=code)
        # A failure after one that spared calls would, often enough repeated, be taken for a refusal.
        if self._spared:
            return None
        accept = self._random.random() < 0.5
        self._spared += accept
        return Fault(Kind.CODE, code=code, accept=accept)

    def _status(self) -> Fault:
        if self._random.random() < 0.3:
            return Fault(Kind.STATUS, status=self._random.choice((403, 413, 429)), when=When.BEFORE)
        return Fault(Kind.STATUS, status=self._random.choice(_UNKNOWN_STATUS), when=self._moment())

    def _silence(self) -> Fault:
        return Fault(self._random.choice((Kind.NO_ANSWER, Kind.RESET)), when=self._moment())

    def _strange(self) -> Fault:
        kind = self._random.choice((Kind.EMPTY, Kind.HTML, Kind.HALF_ANSWER, Kind.SLOW))
        if kind is Kind.SLOW:
            return Fault(kind, seconds=self._random.choice((3.0, 9.0, 30.0)))
        if kind is Kind.HALF_ANSWER:
            return Fault(kind, announce_whole=self._random.random() < 0.5)
        return Fault(kind, when=self._moment())

    def _partial(self) -> Fault:
        return Fault(Kind.PARTIAL, fraction=self._random.choice((0.0, 0.34, 0.67)))

    def _moment(self) -> When:
        return self._random.choice((When.BEFORE, When.AFTER))
