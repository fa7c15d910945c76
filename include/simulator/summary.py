"""The counts of a run: what was asked, what was answered, and whether anybody was called twice."""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice
from typing import TypedDict

from simulator.arrival import Reply
from simulator.record import REPEATED_SHOWN, Record
from simulator.settings import Endpoint

REFUSALS_SHOWN = 20


class Summary(TypedDict):
    """What ``GET /simulator/summary`` answers."""

    accepted_calls: int
    unique_client_identifiers: int
    accepted_more_than_once: int
    """Client-identifiers that were accepted more than once: more than 0 means that somebody was called twice."""
    repeated_client_identifiers: dict[str, int]
    """The first of them, and how often each was accepted."""
    dropped_repeats: int
    """Calls in repeated bulk bodies that were answered as accepted and not called again."""
    requests: int
    requests_by_endpoint: dict[str, int]
    requests_by_code: dict[str, int]
    """By code and message, such as ``202 Accepted``, whether or not the answer then arrived."""
    requests_by_status: dict[str, int]
    """By HTTP status, or ``no answer``, ``reset``, ``cut``."""
    bytes: int
    highest_in_any_minute: dict[str, dict[str, int]]
    """The most accepted calls in any sixty seconds, by endpoint and masked security-id."""
    highest_requests_in_any_minute: dict[str, dict[str, int]]
    latest_refusals: list[str]
    """Why the last requests were refused: endpoint, code, the place and the rule."""


class Books:
    """Counts requests and answers."""

    def __init__(self) -> None:
        self._by_endpoint: Counter[str] = Counter({endpoint.value: 0 for endpoint in Endpoint})
        self._by_code: Counter[str] = Counter()
        self._by_outcome: Counter[str] = Counter()
        self._refusals: deque[str] = deque(maxlen=REFUSALS_SHOWN)
        self._bytes = 0
        self._dropped = 0

    def answered(self, endpoint: Endpoint, size: int, reply: Reply) -> None:
        """Count a request of ``size`` bytes and what it was answered."""
        self._by_endpoint[endpoint.value] += 1
        self._by_outcome[reply.outcome] += 1
        self._bytes += size
        if reply.code:
            self._by_code[reply.code] += 1

    def refused(self, endpoint: Endpoint, code: int, why: str) -> None:
        """Note why a request was refused."""
        self._refusals.append(f"{endpoint.value} {code} {why}")

    def dropped(self, calls: int) -> None:
        """Count the calls of a repeated body that were not called again."""
        self._dropped += calls

    def summary(self, record: Record) -> Summary:
        """Return all counts, with those of the accepted calls."""
        repeated = record.repeated_identifiers
        return Summary(
            accepted_calls=record.calls,
            unique_client_identifiers=record.unique_identifiers,
            accepted_more_than_once=len(repeated),
            repeated_client_identifiers=dict(islice(repeated.items(), REPEATED_SHOWN)),
            dropped_repeats=self._dropped,
            requests=self._by_endpoint.total(),
            requests_by_endpoint=dict(self._by_endpoint),
            requests_by_code=dict(sorted(self._by_code.items())),
            requests_by_status=dict(sorted(self._by_outcome.items())),
            bytes=self._bytes,
            highest_in_any_minute=record.highest_in_any_minute(),
            highest_requests_in_any_minute=record.highest_requests_in_any_minute(),
            latest_refusals=list(self._refusals),
        )
