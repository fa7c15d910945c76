"""One account and what it remembers: the order in which a request is judged, and what an acceptance leaves."""

from __future__ import annotations

from simulator import answers, rules
from simulator.arrival import JSON_TYPE, Arrival, Reply
from simulator.checksums import Checksums
from simulator.codes import Code
from simulator.faults import Fault, Kind
from simulator.minute import SlidingMinute, microseconds
from simulator.record import Record
from simulator.rules import Reading, Refusal
from simulator.settings import BulkRepeat, Endpoint, LimitUnit, Settings
from simulator.summary import Books


class Account:
    """The state of the stand-in: accepted calls, counts, received checksums and the used limit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._checksums = Checksums(settings)
        self._minutes: dict[tuple[Endpoint, str], SlidingMinute] = {}
        self.record = Record()
        self.books = Books()

    def judge(self, arrival: Arrival, fault: Fault | None, request_id: str) -> Reply:
        """Deal with a request: the door, then the limit, then the checksum, then the rules.

        Of a fault only what it does to acceptance counts here; what it does to the answer is not done yet.
        """
        turned_away = self._at_the_door(arrival)
        if turned_away is not None:
            return turned_away
        reading = rules.read(arrival.body, now=arrival.now, settings=self._settings)
        over_limit = self._over_limit(arrival, reading)
        if over_limit is not None:
            return over_limit
        repeat = self._repeat(arrival, reading, request_id)
        if repeat is not None:
            return repeat
        if reading.refusal is not None:
            return self._refuse(arrival, reading.refusal, request_id)
        if fault is not None and fault.kind == Kind.CODE and not fault.accept:
            return self._refuse(arrival, Refusal(Code.FAILURE, f"a fault: code {fault.code}"), request_id)
        return self._accept(arrival, reading, fault, request_id)

    def _at_the_door(self, arrival: Arrival) -> Reply | None:
        settings = self._settings
        if settings.allowed_ips and arrival.source_ip not in settings.allowed_ips:
            why = "the source IP is not whitelisted"
            self.books.refused(arrival.endpoint, Code.IP_NOT_WHITELISTED, why)
            if arrival.endpoint is Endpoint.BULK:
                return answers.bare(403)
            return answers.refused(Refusal(Code.IP_NOT_WHITELISTED, why), settings=settings, request_id="")
        if arrival.content_type != JSON_TYPE:
            return answers.bare(415)
        if len(arrival.body) > settings.max_body_bytes:
            return answers.bare(settings.too_large_status)
        return None

    def _over_limit(self, arrival: Arrival, reading: Reading) -> Reply | None:
        limit = self._settings.per_minute(arrival.endpoint)
        if limit == 0:
            return None
        now = microseconds(arrival.now)
        # A list that is too long is refused for that: it must not look as if it only came too fast.
        calls = min(len(reading.calls), self._settings.max_calls)
        amount = calls if self._settings.limit_unit is LimitUnit.CALLS else 1
        minute = self._minutes.setdefault((arrival.endpoint, reading.security_id), SlidingMinute(limit))
        wait = minute.wait_for(amount, now)
        if wait:
            return answers.too_many(wait, self._settings)
        minute.take(amount, now)
        return None

    def _repeat(self, arrival: Arrival, reading: Reading, request_id: str) -> Reply | None:
        if not self._checksums.knows(arrival.endpoint, arrival.body, microseconds(arrival.now)):
            return None
        treatment = self._settings.bulk_repeat
        if arrival.endpoint is Endpoint.REALTIME or treatment is BulkRepeat.REFUSE:
            repeated = Refusal(Code.CHECKSUM_REPEATED, "the same bytes were received before")
            self.books.refused(arrival.endpoint, repeated.code, repeated.why)
            return answers.refused(repeated, settings=self._settings, request_id=request_id)
        # The door of a queue judges each copy afresh, and only what passes it can be dropped behind it.
        if treatment is BulkRepeat.FORGET or reading.refusal is not None:
            return None
        self.books.dropped(len(reading.calls))
        return answers.accepted(
            arrival.endpoint, settings=self._settings, request_id=request_id, calls=reading.calls
        )

    def _refuse(self, arrival: Arrival, refusal: Refusal, request_id: str) -> Reply:
        if self._settings.refused_counts_as_received:
            self._checksums.remember(arrival.endpoint, arrival.body, microseconds(arrival.now))
        self.books.refused(arrival.endpoint, refusal.code, refusal.why)
        return answers.refused(refusal, settings=self._settings, request_id=request_id)

    def _accept(self, arrival: Arrival, reading: Reading, fault: Fault | None, request_id: str) -> Reply:
        partial = fault if fault is not None and fault.kind == Kind.PARTIAL else None
        positions = None if partial is None else _positions(partial, len(reading.calls))
        self._checksums.remember(arrival.endpoint, arrival.body, microseconds(arrival.now))
        self.record.add(
            arrival,
            request_id=request_id,
            security_id=reading.security_id,
            calls=reading.calls,
            positions=positions,
        )
        if partial is not None and positions is not None:
            return answers.partly_accepted(
                request_id=request_id, calls=reading.calls, positions=positions, status=partial.status
            )
        return answers.accepted(
            arrival.endpoint, settings=self._settings, request_id=request_id, calls=reading.calls
        )


def _positions(fault: Fault, calls: int) -> tuple[int, ...]:
    """Return which calls a partial success accepts."""
    if fault.indexes is not None:
        return tuple(sorted({index for index in fault.indexes if index < calls}))
    return tuple(range(int(calls * (0.5 if fault.fraction is None else fault.fraction))))
