"""Random lives of a ledger: several senders, crashes, lost answers, a Phonon that remembers what it accepted."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sqlalchemy import URL, func, select

from ledger.promises import LEASE_SECONDS, LIMIT, Clock, new_batch, new_plan, sendable, sender, take_all
from phonon.api.answer import Answer
from phonon.api.codes import Code
from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.api.transport import Exchange, NoAnswer, NotSent
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.rules import SendingRules
from phonon.dispatch.settlement import settle
from phonon.ledger import claims
from phonon.ledger.claims import Reject
from phonon.ledger.outbox import Batch, record, recover
from phonon.ledger.report import result_rows, totals
from phonon.ledger.schema import batches, calls
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from planning.windows import ALWAYS

_RULES = SendingRules(
    window=ALWAYS,
    limits=dict.fromkeys(Endpoint, LIMIT),
    on_unknown=dict.fromkeys(Endpoint, UnknownPolicy.RESEND),
)
_NAMES = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=4, unique=True)
_REFUSALS = (Code.INVALID_CONTACT_NUMBER, Code.NO_MASK_AVAILABLE, Code.INSUFFICIENT_BALANCE, Code.TOO_MANY_REQUESTS)


class LedgerLife(RuleBasedStateMachine):
    """Phonon is modelled by its checksum rule: bytes that it accepted once are refused with 201 from then on."""

    flights = Bundle("flights")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.ledger = Ledger(URL.create("sqlite"), clock=self.clock)
        self.accepted: Counter[str] = Counter()
        self.remembered: set[bytes] = set()
        self.returned: set[str] = set()
        with self.ledger.transaction() as connection:
            self.interval = claims.find_interval(connection, "trial", "day 1")

    @rule(names=_NAMES, run=st.sampled_from(["run-1", "run-2"]), finished=st.booleans())
    def plan(self, names: list[str], run: str, finished: bool) -> None:
        with self.ledger.transaction() as connection:
            plan = new_plan(connection, run)
            known = claims.claimed_contacts(connection, plan, names)
            claims.see_again(connection, plan, sorted(known))
            fresh = [name for name in names if name not in known]
            called, left_out = fresh[:2], fresh[2:]
            if called:
                batch = new_batch(called, endpoint=Endpoint.REALTIME, starts_at=self.clock.seconds)
                claims.add_batch(connection, plan, batch, self.clock.seconds)
            suppressed = [Reject(i, name, CallStatus.SUPPRESSED, "limit") for i, name in enumerate(left_out)]
            claims.add_rejects(connection, plan, suppressed)
            if finished:
                claims.finish_plan(
                    connection, plan, rows_read=len(names), planned=len(called), now=self.clock.seconds
                )
                self.returned = set(left_out)

    @rule(target=flights, dies=st.booleans())
    def take(self, dies: bool) -> list[Batch]:
        owner = "elsewhere/1/1" if dies else None
        return list(take_all(self.ledger, sendable(self.ledger, self.interval)[:2], by=sender(owner=owner)))

    @rule(taken=consumes(flights), way=st.sampled_from(["fine", "lost", "not sent", "late", *_REFUSALS]))
    def fly(self, taken: list[Batch], way: str | Code) -> None:
        exchanges = [(batch, self._phonon(batch, way)) for batch in taken]
        if way == "late":
            self.clock.seconds += LEASE_SECONDS + 1
            self.recover()
        with self.ledger.transaction() as connection:
            settled = [settle(batch, exchange, _RULES, self.clock.seconds).outcome for batch, exchange in exchanges]
            late = record(connection, settled, run_id="run-1", now=self.clock.seconds)
        assert way != "late" or len(late) == len(taken)

    def _phonon(self, batch: Batch, way: str | Code) -> Exchange:
        if way == "not sent":
            return NotSent("refused")
        if isinstance(way, Code):
            status = 429 if way is Code.TOO_MANY_REQUESTS else 200
            return Answer(status, way, way.name, None, None)
        if batch.frozen in self.remembered:
            answer = Answer(200, Code.CHECKSUM_REPEATED, "Checksum Repeated", None, None)
        else:
            self.remembered.add(batch.frozen)
            names = [call["client-identifier"] for call in thaw(batch.frozen)]
            self.accepted.update(names)
            answer = Answer(200, Code.SUCCESS, "Success", "r", dict.fromkeys(names, "u"))
        return NoAnswer("reset") if way == "lost" else answer

    @rule()
    def recover(self) -> None:
        with self.ledger.transaction() as connection:
            recover(connection, self.interval, run_id="run-2", now=self.clock.seconds)

    @rule(seconds=st.sampled_from([1, 30, 100, 1000]))
    def wait(self, seconds: int) -> None:
        self.clock.seconds += seconds

    @invariant()
    def nobody_is_called_twice(self) -> None:
        assert all(times == 1 for times in self.accepted.values())

    @invariant()
    def what_was_accepted_is_shown_as_accepted_or_held(self) -> None:
        rows = [row for chunk in result_rows(self.ledger, self.interval, chunk_rows=3) for row in chunk]
        shown = {row["client_identifier"]: row["status"] for row in rows if "client_identifier" in row}
        assert {shown[name] for name in self.accepted} <= {"accepted", "accepted_earlier", "held"}
        yes = {name for name, status in shown.items() if status.startswith("accepted")}
        assert yes <= self.accepted.keys()
        contacts = [row["contact_id"] for row in rows]
        assert len(contacts) == len(set(contacts)), "a contact has two rows"
        assert self.returned <= set(contacts), "a contact is lost"
        with self.ledger.transaction(read_only=True) as connection:
            assert totals(connection, self.interval).by_status == Counter(CallStatus(row["status"]) for row in rows)

    @invariant()
    def every_batch_counts_the_calls_it_holds(self) -> None:
        held = func.count(calls.c.contact_id)
        query = select(batches.c.calls, held).outerjoin(calls, calls.c.batch_id == batches.c.id)
        with self.ledger.transaction(read_only=True) as connection:
            for said, found in connection.execute(query.group_by(batches.c.id, batches.c.calls)):
                assert said == found

    def teardown(self) -> None:
        self.ledger.close()


LedgerLife.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
TestLedgerLife = LedgerLife.TestCase
