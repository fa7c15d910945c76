"""Random lives of a ledger: planners, senders, a person and the clock do what they can, in any order.

Each rule is one transaction, since the ledger's transactions exclude each other where it matters; what was read in
one and is used in another may be old by then. A crash undoes a transaction or ends what should have followed it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from sqlalchemy import Connection, select

from ledger.ledger_machine_checks import (
    REPEATED,
    RUNS,
    check_batches,
    check_figures,
    check_one_sender_each,
    check_phonon,
    check_queue,
    check_results,
    hash_of,
)
from ledger.ledger_machine_phonon import Flight, ModelPhonon, Way
from ledger.promises import LEASE_SECONDS, NOON, Clock, new_batch
from phonon.api.endpoints import Endpoint
from phonon.api.transport import NoAnswer, NotSent
from phonon.api.verdict import Kind
from phonon.dispatch.admission import Admission, Go, Move, admit
from phonon.dispatch.rules import SendingRules
from phonon.dispatch.settlement import settle
from phonon.ledger import claims
from phonon.ledger.budget import RateLimit, room, slow_down
from phonon.ledger.claims import Plan, Reject
from phonon.ledger.outbox import Batch, Envelope, Outcome, Sender, candidates, erase_settled, freeze_anew, record
from phonon.ledger.outbox import recover as recover_batches
from phonon.ledger.outbox import take as take_batches
from phonon.ledger.pauses import EVERYTHING, pause, pause_of, resume, set_pauses
from phonon.ledger.schema import batches, calls, metadata
from phonon.ledger.settlements import (
    Case,
    ChangedMeanwhileError,
    Decision,
    Proof,
    accept,
    close,
    frozen_batch,
    held,
    release,
)
from phonon.ledger.states import BatchState, CallStatus
from phonon.ledger.store import Ledger
from phonon.planning.drafts import Draft, without_known
from phonon.planning.start_times import earliest_start, last_sending_time
from phonon.review.renewal import renew
from planning.windows import OFFICE_HOURS

LIMIT = 8
_RULES = SendingRules(
    window=OFFICE_HOURS, limits={endpoint: RateLimit(endpoint, "account", LIMIT) for endpoint in Endpoint}
)
_ROWS = st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=6)
_SENDERS = st.integers(0, 2)
_CRASHES = st.sampled_from([False, False, False, False, True])
_WAYS = st.sampled_from([Way.FINE, Way.FINE, *Way])
_MORNING = NOON - 6 * 3600
_BAD = "number: too short"
_KEPT = ("meta", "version")


class LedgerMachine(RuleBasedStateMachine):
    """One campaign and interval. ``ledger`` must be empty, on a clock that the machine turns."""

    plans = Bundle("plans")
    looks = Bundle("looks")
    flights = Bundle("flights")
    cases = Bundle("cases")

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        super().__init__()
        self.ledger = ledger
        self.clock = clock
        self.clock.seconds = self.true_time = _MORNING
        self.phonon = ModelPhonon(bulk_drops=True)
        self.claimed: set[str] = set()
        self.suppressed: dict[int, set[str]] = {}
        self.planned: dict[int, int] = {}
        self.rows: dict[int, int] = {}
        self.run_of: dict[int, str] = {}
        self.newest: Plan | None = None
        self.finished = 0
        self.steps = 0
        self.all_flights: list[Flight] = []
        self.in_the_air: dict[int, Flight] = {}
        self.fences: dict[int, int] = {}
        self.paused: set[str] = set()
        self.births = [0, 0, 0]
        self.secret = b"secret 1"
        with self.ledger.transaction() as connection:
            _empty(connection)
            self.interval = claims.find_interval(connection, "trial", "day 1")

    @contextmanager
    def transaction(self, crashes: bool) -> Iterator[Connection]:
        """A transaction that is undone at its end if the process crashes."""
        with self.ledger.transaction() as connection:
            yield connection
            if crashes:
                connection.rollback()

    @initialize(bulk_drops=st.booleans(), names=_ROWS, more=_ROWS)
    def begin(self, bulk_drops: bool, names: list[str], more: list[str]) -> None:
        self.phonon = ModelPhonon(bulk_drops=bulk_drops)
        self.plan_at_once(RUNS[0], names, False, Endpoint.BULK)
        self.plan_at_once(RUNS[0], more, True, Endpoint.REALTIME)

    # Planning.

    @rule(target=plans, run_id=st.sampled_from(RUNS))
    def begin_plan(self, run_id: str) -> Plan:
        with self.ledger.transaction() as connection:
            plan = claims.begin_plan(
                connection, campaign="trial", interval_key="day 1", run_id=run_id, now=self.clock.seconds
            )
            mine = [each for each in self.planned if each < plan.id and self.run_of[each] == run_id]
            assert claims.planned_before(connection, plan) == sum(self.planned[each] for each in mine)
        self.run_of[plan.id] = run_id
        self.suppressed[plan.id], self.planned[plan.id], self.rows[plan.id] = set(), 0, 0
        self.newest = plan
        return plan

    @rule(plan=plans, names=_ROWS, bad=st.booleans(), endpoint=st.sampled_from(list(Endpoint)), crashes=_CRASHES)
    def plan_chunk(self, plan: Plan, names: list[str], bad: bool, endpoint: Endpoint, crashes: bool) -> None:
        """The first four new contacts are called, others are over a limit; the last row may be bad."""
        now = datetime.fromtimestamp(int(self.clock.seconds), UTC)
        start = earliest_start(OFFICE_HOURS, now)
        first = self.rows[plan.id]
        seen: set[str] = set()
        drafts, rejects = [], []
        for number, name in enumerate(names, first):
            if name in seen:
                rejects.append(Reject(number, name, CallStatus.INVALID, REPEATED))
            elif bad and number == first + len(names) - 1:
                rejects.append(Reject(number, name, CallStatus.INVALID, _BAD))
            else:
                drafts.append(Draft(number, name, ["919999900000"], "0000", start, ()))
            seen.add(name)
        with self.transaction(crashes) as connection:
            claims.lock_campaign(connection, "trial")
            drafts, rejects, _ = without_known(connection, plan, drafts, rejects)
            called = [draft.contact_id for draft in drafts[:4]]
            left_out = [draft.suppressed("over limit") for draft in drafts[4:]]
            claims.add_rejects(connection, plan, [*rejects, *left_out])
            if called:
                self._claim(connection, plan, called, endpoint, start)
            claims.note_planned(connection, plan, self.planned[plan.id] + len(called))
        if not crashes:
            self.claimed.update(called)
            self.planned[plan.id] += len(called)
            self.rows[plan.id] += len(names)
            self.suppressed[plan.id] |= {reject.contact_id for reject in left_out if reject.contact_id}

    def _claim(
        self, connection: Connection, plan: Plan, names: Sequence[str], endpoint: Endpoint, start: datetime
    ) -> None:
        batch = new_batch(names, endpoint=endpoint, starts_at=start.timestamp())
        hashed = [call._replace(number_hashes=[hash_of(call.contact_id)]) for call in batch.calls]
        frozen = replace(batch, calls=hashed, not_after=last_sending_time(start).timestamp())
        claims.add_batch(connection, plan, frozen, self.clock.seconds)

    @rule(plan=consumes(plans), crashes=_CRASHES)
    def finish_plan(self, plan: Plan, crashes: bool) -> None:
        with self.transaction(crashes) as connection:
            rows, planned = self.rows[plan.id], self.planned[plan.id]
            claims.finish_plan(connection, plan, rows_read=rows, planned=planned, now=self.clock.seconds)
        if not crashes:
            self.finished = max(self.finished, plan.id)

    @rule(run_id=st.sampled_from(RUNS), names=_ROWS, bad=st.booleans(), endpoint=st.sampled_from(list(Endpoint)))
    def plan_at_once(self, run_id: str, names: list[str], bad: bool, endpoint: Endpoint) -> None:
        plan = self.begin_plan(run_id)
        self.plan_chunk(plan, names, bad, endpoint, False)
        self.finish_plan(plan, False)

    # Sending.

    @rule(
        ways=st.lists(st.tuples(_WAYS, _CRASHES), min_size=1, max_size=6),
        seconds=st.sampled_from([1, 20, 100]),
        end=st.sampled_from(["answers", "answers", "death"]),
    )
    def everybody_sends(self, ways: list[tuple[Way, bool]], seconds: int, end: str) -> None:
        """All look at the same batches before any of them takes some; they may all die before they learn more."""
        looks = [self.look(number, 4) for number in range(3)]
        flights = [flight for look in looks for flight in self._take(look, False)]
        for flight, (way, lost) in zip(flights, cycle(ways), strict=False):
            self.arrive(flight, way, lost)
        if end == "death":
            self.births = [birth + 1 for birth in self.births]
            self.recover(RUNS[0], True, False)
        self.wait(seconds)
        for flight in flights if end == "answers" else []:
            self.land(flight, False, False)

    @rule(target=flights, number=_SENDERS, most=st.integers(1, 4))
    def look_and_take(self, number: int, most: int) -> Any:
        return multiple(*self._take(self.look(number, most), False))

    @rule(target=looks, number=_SENDERS, most=st.integers(1, 4))
    def look(self, number: int, most: int) -> tuple[Sender, list[Batch]]:
        owner = f"elsewhere/{number}/{self.births[number]}"
        with self.ledger.transaction(read_only=True) as connection:
            found = candidates(connection, self.interval, now=self.clock.seconds, most=most)
        return Sender(RUNS[number], owner, LEASE_SECONDS), found

    @rule(target=flights, look=consumes(looks), crashes=_CRASHES)
    def take(self, look: tuple[Sender, list[Batch]], crashes: bool) -> Any:
        return multiple(*self._take(look, crashes))

    def _take(self, look: tuple[Sender, list[Batch]], crashes: bool) -> list[Flight]:
        sender, found = look
        now, taken = self.clock.seconds, []
        envelopes = [self._envelope(batch) for batch in found]
        with self.transaction(crashes) as connection:
            if pause_of(connection, self.interval) is not None:
                assert self.paused
                return []
            assert not self.paused
            admissions = [admit(each, _RULES, now, send_seconds=LEASE_SECONDS) for each in envelopes]
            for endpoint, limit in _RULES.limits.items():
                queue = [
                    each.envelope
                    for each in admissions
                    if isinstance(each, Go) and each.envelope.batch.endpoint is endpoint
                ]
                wave = take_batches(connection, queue, sender=sender, limit=limit, now=now)
                assert wave.wait_until is None or wave.wait_until > now
                taken += wave.taken
            self._carry_out(connection, found, admissions, sender)
        if crashes:
            return []
        started = [Flight(each, self._body(each), sender.run_id, self.true_time + LEASE_SECONDS) for each in taken]
        self.all_flights += started
        for flight in started:
            assert flight.batch.id not in self.in_the_air, "a batch was taken by two"
            self.in_the_air[flight.batch.id] = flight
        return started

    def _carry_out(
        self, connection: Connection, found: Sequence[Batch], admissions: Sequence[Admission], sender: Sender
    ) -> None:
        for batch, admission in zip(found, admissions, strict=True):
            if isinstance(admission, Move):
                starts_at, not_after = admission.starts_at, admission.not_after
                freeze_anew(connection, batch, admission.frozen, starts_at=starts_at, not_after=not_after)
            elif isinstance(admission, Outcome):
                record(connection, [admission], run_id=sender.run_id, now=self.clock.seconds)

    @rule(flight=flights, way=_WAYS, lost=_CRASHES)
    def arrive(self, flight: Flight, way: Way, lost: bool) -> None:
        if flight.answer is None and self.true_time < flight.ends_at:
            if self.clock.seconds == self.true_time:
                dials_at = max(self.true_time, flight.batch.starts_at)
                assert OFFICE_HOURS.is_open(datetime.fromtimestamp(dials_at, UTC)), "outside the hours"
            self.phonon.receive(flight, way, lost=lost, at=self.true_time)

    @rule(flight=consumes(flights), never_sent=st.booleans(), crashes=_CRASHES)
    def land(self, flight: Flight, never_sent: bool, crashes: bool) -> None:
        """The sender records what it learned, perhaps long after it has lost the batch to another."""
        exchange = flight.answer or (NotSent("refused") if never_sent else NoAnswer("timeout"))
        if isinstance(exchange, NotSent):
            flight.ends_at = self.true_time
        settled = settle(flight.batch, exchange, _RULES, self.clock.seconds)
        with self.transaction(crashes) as connection:
            late = record(connection, [settled.outcome], run_id=flight.run_id, now=self.clock.seconds)
            if settled.kind is Kind.THROTTLED:
                limit = _RULES.limits[flight.batch.endpoint]
                slow_down(connection, limit, self.clock.seconds, settled.retry_after)
                fit, when = room(connection, limit, [1], self.clock.seconds)
                assert fit == 0
                assert when > self.clock.seconds
        if crashes:
            return
        mine = self.in_the_air.get(flight.batch.id) is flight
        assert mine != bool(late), "an answer counts exactly while the batch is its sender's"
        if mine:
            del self.in_the_air[flight.batch.id]

    @rule(choice=st.integers(0, 20), way=_WAYS)
    def arrive_late(self, choice: int, way: Way) -> None:
        """From a buffer on the way, when its sender has given up or is dead; no later than its lease allows."""
        waiting = [each for each in self.all_flights if each.answer is None and each.ends_at > self.true_time]
        if waiting:
            self.arrive(waiting[choice % len(waiting)], way, True)

    @rule(run_id=st.sampled_from(RUNS), knows=st.booleans(), crashes=_CRASHES)
    def recover(self, run_id: str, knows: bool, crashes: bool) -> None:
        """``knows``: the machine of the dead can be asked."""
        with self.transaction(crashes) as connection:
            now = self.clock.seconds
            sending = connection.execute(select(batches).where(batches.c.state == BatchState.SENDING)).all()
            gone = {row.id for row in sending if row.lease_until <= now or (knows and self._is_dead(row.owner))}
            is_dead = self._is_dead if knows else lambda _: False
            found = recover_batches(connection, self.interval, run_id=run_id, now=now, is_dead=is_dead)
            assert found == len(gone)
        if not crashes:
            for batch_id in gone:
                del self.in_the_air[batch_id]

    def _is_dead(self, owner: str) -> bool:
        _, number, birth = owner.split("/")
        return int(birth) < self.births[int(number)]

    def _envelope(self, batch: Batch) -> Envelope:
        body = self._body(batch)
        return Envelope(batch, hashlib.sha256(body).hexdigest(), len(body))

    def _body(self, batch: Batch) -> bytes:
        return self.secret + batch.frozen

    # A person.

    @rule(target=cases, choice=st.integers(0, 20))
    def read_a_case(self, choice: int) -> Any:
        with self.ledger.transaction(read_only=True) as connection:
            found = held(connection, "trial")
        return found[choice % len(found)] if found else multiple()

    @rule(case=consumes(cases), action=st.sampled_from(["release", "close", "accept"]), crashes=_CRASHES)
    def settle_a_case(self, case: Case, action: str, crashes: bool) -> None:
        """The person looks into Phonon's report before: nothing is released that was or may still be accepted."""
        decision = Decision("asha", "looked it up", "cli:asha", self.clock.seconds)
        with self.ledger.transaction(read_only=True) as connection:
            row = connection.execute(select(batches).where(batches.c.id == case.batch_id)).one()
            names = [name for name in self._names_in(connection, case.batch_id) if name in self.phonon.accepted]
        stands = row.state == BatchState.HELD and row.fence == case.fence
        wrong = {"release": names or self._may_arrive(case.batch_id), "accept": not names, "close": False}
        if wrong[action]:
            return
        if not stands:
            with pytest.raises(ChangedMeanwhileError), self.ledger.transaction() as connection:
                close(connection, case, decision)
            return
        with self.transaction(crashes) as connection:
            if action == "release":
                renewal = renew(frozen_batch(connection, case), self.clock.seconds)
                release(connection, case, renewal, decision)
            elif action == "accept":
                accept(connection, case, {name: Proof("r", f"u-{name}") for name in names}, decision)
            else:
                close(connection, case, decision)

    def _names_in(self, connection: Connection, batch_id: int) -> list[str]:
        query = select(calls.c.client_identifier).where(calls.c.batch_id == batch_id)
        return list(connection.execute(query).scalars())

    def _may_arrive(self, batch_id: int) -> bool:
        return any(
            flight.batch.id == batch_id and flight.answer is None and flight.ends_at > self.true_time
            for flight in self.all_flights
        )

    def _switch_a_pause(self, scope: str, sets: bool) -> None:
        with self.ledger.transaction() as connection:
            if sets:
                pause(connection, scope, by="asha", reason="", now=self.clock.seconds)
            else:
                resume(connection, scope, by="asha", now=self.clock.seconds)
            scopes = {each.scope for each in set_pauses(connection)}
        self.paused = scopes - {"another"}
        assert (scope in scopes) == sets

    # Time.

    @rule(seconds=st.sampled_from([1, 5, 30, 60, 60, 100, 100, 1000, 7 * 3600]))
    def wait(self, seconds: int) -> None:
        self.true_time += seconds
        self.clock.seconds += seconds

    @rule(what=st.sampled_from(["death", "secret", "clock", "erasure", "pause"]), number=_SENDERS)
    def mishap(self, what: str, number: int) -> None:
        if what == "death":  # its requests may be on their way still, and what it knew may yet be recorded
            self.births[number] += 1
        elif what == "secret":
            self.secret += b"'"
        elif what == "clock":
            self.clock.seconds -= (1, 30, 300)[number]
        elif what == "erasure":
            self._erase((0, 60, 3600)[number])
        else:
            self._pause_for_a_while(("trial", EVERYTHING, "another")[number], number)

    def _erase(self, age: int) -> None:
        with self.ledger.transaction() as connection:
            erase_settled(connection, before=self.clock.seconds - age)
            assert erase_settled(connection, before=self.clock.seconds - age) == 0

    def _pause_for_a_while(self, scope: str, number: int) -> None:
        self._switch_a_pause(scope, True)
        if self.paused:
            assert not self._take(self.look(number, 4), False), "a pause was passed over"
        self._switch_a_pause(scope, False)

    # What must hold.

    @invariant()
    def phonon_calls_nobody_twice_and_is_never_over_the_limit(self) -> None:
        check_phonon(self.phonon, LIMIT)

    @invariant()
    def the_results_tell_the_truth(self) -> None:
        returned = self.suppressed.get(self.finished, set())
        rows = check_results(self.ledger, self.interval, self.phonon, returned)
        self.steps += 1
        if self.steps % 4 == 0:  # it is dear, and what it finds stays wrong
            with self.ledger.transaction(read_only=True) as connection:
                check_figures(connection, self.interval, rows)

    @invariant()
    def the_batches_are_in_order(self) -> None:
        with self.ledger.transaction(read_only=True) as connection:
            check_batches(connection, self.newest, self.fences, self.claimed)
            check_queue(connection, self.interval, self.clock.seconds)
            check_one_sender_each(connection, self.in_the_air)


def _empty(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        if not table.name.endswith(_KEPT):
            connection.execute(table.delete())
