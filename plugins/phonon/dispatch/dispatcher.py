"""The sending protocol: take under a fence, commit, send, record; again until nothing is left that may go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from logging import Logger

from sqlalchemy import Connection

from phonon.api.request import Envelope as RequestEnvelope
from phonon.api.transport import Exchange
from phonon.api.verdict import Kind
from phonon.dispatch.admission import Admission, Go, Leave, Move, admit
from phonon.dispatch.flights import Flights
from phonon.dispatch.others import WAIT_SECONDS, Others
from phonon.dispatch.points import Point, reached
from phonon.dispatch.process import Ending
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import SendingRules, backoff
from phonon.dispatch.run_limit import Cut, RunLimit
from phonon.dispatch.settlement import Settlement, settle, split
from phonon.errors import LedgerError
from phonon.ledger.budget import hold, room, slow_down
from phonon.ledger.outbox import (
    Batch,
    Envelope,
    Outcome,
    Sender,
    Wave,
    candidates,
    freeze_anew,
    next_due,
    record,
    recover,
    replace_by_parts,
    take,
)
from phonon.ledger.pauses import pause_of
from phonon.ledger.shares import WHOLE, Answers, Share
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.wording import counted


class Stop(StrEnum):
    """Why a run sends nothing more although calls are pending."""

    TOP_UP = "top_up"
    FIX_CONFIGURATION = "fix_configuration"
    UNREACHABLE = "unreachable"
    """Connections failed again and again; nothing was sent in them."""
    UNCLEAR = "unclear"
    """One batch after another had no clear answer, or was above the limit."""
    PAUSED = "paused"
    """Somebody has set the pause switch."""
    ENDED = "ended"
    """The process was told to end."""


@dataclass(frozen=True)
class Stopped:
    """Why a run stopped, and the code and words of the answer that stopped it."""

    stop: Stop
    reason: str
    code: int | None = None


class Dispatcher:
    """Sends the open batches of one interval. Made for one run, used once, by one thread.

    :param share: of a run with several senders, the batches that this one takes first.
    :param ending: set, by any thread or signal handler, to have ``send`` finish what is in flight and return.
    """

    def __init__(
        self,
        ledger: Ledger,
        flights: Flights,
        rules: SendingRules,
        *,
        security_id: str,
        run_id: str,
        log: Logger,
        share: Share = WHOLE,
        ending: Ending | None = None,
    ) -> None:
        self._ledger = ledger
        self._flights = flights
        self._rules = rules
        self._security_id = security_id
        self._process = flights.process
        self._sender = Sender(run_id, self._process.owner(), flights.lease_seconds)
        self._log = log
        self._share = share
        account = next(iter(rules.limits.values())).account
        self._others = Others(self._process, share, account, look_seconds=rules.look_seconds)
        self._ending = ending or Ending()
        most = rules.max_calls_of_run
        self._run_limit = None if most is None else RunLimit(most, run_id)
        self._stopped: Stopped | None = None
        self._left: list[int] = []
        self._landed: list[tuple[Batch, Exchange]] = []
        self._alone = True  # the first batch proves that the configuration works, before the others follow
        self._unclear = 0
        self._throttled = 0
        self._unreachable = 0
        self._quiet_until = 0.0

    def send(self, interval_id: int, progress: Progress) -> Stopped | None:
        """Send until nothing is left that may go now; gives why it stopped earlier, if it did.

        Whatever ends this (a signal, a lost ledger), what is in flight is waited for and recorded first.
        """
        try:
            while self._wave(interval_id, progress):
                progress.tell()
        except BaseException:
            self._drain(progress)
            raise
        finally:
            self._flights.close()
            progress.tell(now=True)
        return self._stopped

    def _wave(self, interval_id: int, progress: Progress) -> bool:
        """Send what may go, then record what has landed; False when there is nothing more to do."""
        if self._ending.asked:
            self._stop(Stopped(Stop.ENDED, "the task was told to end"))
            self._drain(progress)
            return False
        if self._others.are_due:
            self._listen(interval_id)
        wait_until = self._launch(interval_id, progress) if self._stopped is None else None
        if len(self._flights):
            self._land(progress, timeout=self._rules.look_seconds)
            return True
        if self._stopped is not None:
            return False
        with self._ledger.transaction(read_only=True) as connection:
            due = next_due(connection, interval_id, without=self._left, run_id=self._only_run)
            now = self._ledger.now(connection)
        if due is None:
            return False
        progress.wait_for_limit(wait_until - now if wait_until is not None and wait_until > now else None)
        pause = max(due, wait_until or 0.0, self._quiet_until) - now
        self._process.sleep(min(max(pause, 0.0), self._rules.look_seconds))
        return True

    def _listen(self, interval_id: int) -> None:
        """Ask the ledger what the other senders of the interval were answered."""
        with self._ledger.transaction(read_only=True) as connection:
            self._heed(self._others.answers(connection, interval_id, self._ledger.now(connection)))

    def _wait_for_others(self, connection: Connection, interval_id: int, now: float) -> float | None:
        """When a sender that has to go alone looks again; None if nothing keeps it from sending."""
        if not self._alone or not self._others.exist:
            return None
        are_sending = self._others.are_sending(connection, interval_id, now)
        self._heed(self._others.answers(connection, interval_id, now))
        if self._stopped is not None or not self._alone:
            return now
        return now + WAIT_SECONDS if are_sending else None

    def _heed(self, answers: Answers) -> None:
        """Learn from an answer to another sender as from one's own."""
        if answers.refusal is not None:
            self._stop(_stopped_by(answers.refusal.kind, answers.refusal.reason, answers.refusal.code))
        elif answers.any_good:
            self._alone = False

    def _drain(self, progress: Progress) -> None:
        """Record what is in flight, which is given some time for its answers and is then cut off."""
        if len(self._flights):
            self._log.warning("Stopping: waiting for %d requests in flight", len(self._flights))
        end = self._process.monotonic() + self._rules.grace_seconds
        while len(self._flights) or self._landed:
            left = end - self._process.monotonic()
            if left <= 0:
                self._flights.cut_off()
            try:
                self._land(progress, timeout=min(max(left, 0.1), self._rules.look_seconds))
            except LedgerError:
                if left <= 0:
                    raise
                # What has landed is kept: the ledger may be back in time to record it.
                self._process.sleep(self._rules.look_seconds)

    def _launch(self, interval_id: int, progress: Progress) -> float | None:
        """Take and submit what may go; gives when to try again if the limit kept something back."""
        free = (1 if self._alone else self._rules.max_in_flight) - len(self._flights)
        with self._ledger.transaction(read_only=True) as connection:
            now = self._ledger.now(connection)
            if free <= 0 or now < self._quiet_until:
                return None
            # While one goes alone all senders look at the same one, of which only one of them can have it.
            share = WHOLE if self._alone else self._share
            found = candidates(
                connection,
                interval_id,
                now=now,
                most=free,
                without=self._left,
                share=share,
                run_id=self._only_run,
            )
            look_again = self._wait_for_others(connection, interval_id, now) if found else None
            if look_again is not None:
                return look_again
        if not found and len(self._flights):
            return None
        found = [self._bound(batch) for batch in found]
        bodies = {batch.id: self._body(batch) for batch in found}
        reached(Point.BEFORE_TAKE)
        with self._ledger.transaction() as connection:
            # Before the locks that taking waits for: the lease and the window are reckoned from this time.
            since = self._process.moment()
            now = self._ledger.now(connection)
            pause = pause_of(connection, interval_id)
            if pause is not None:
                self._stop(Stopped(Stop.PAUSED, str(pause)))
                return None
            recovered = recover(
                connection,
                interval_id,
                run_id=self._sender.run_id,
                now=now,
                is_dead=self._process.is_dead,
            )
            admissions = self._within_run(
                connection, interval_id, [self._look(batch, bodies[batch.id], now) for batch in found], now
            )
            taken, wait_until = self._take(connection, admissions, now)
            # After taking, which locks the budget first: two senders that decide differently must not block each
            # other for ever.
            self._carry_out(connection, zip(found, admissions, strict=True), progress, now)
        reached(Point.AFTER_TAKE)
        if recovered:
            batches = counted(recovered, "batch", "batches")
            self._log.warning("%s without a known outcome: their sender ended while it sent them", batches)
        for batch in taken:
            # The part of a batch that was cut is new.
            self._flights.submit(batch, bodies.get(batch.id) or self._body(batch), since=since)
        return wait_until

    @property
    def _only_run(self) -> str | None:
        """The run whose own batches are all that may still go, since its limit is reached; None if all may."""
        return self._sender.run_id if self._run_limit is not None and self._run_limit.is_used_up else None

    def _within_run(
        self, connection: Connection, interval_id: int, admissions: list[Admission], now: float
    ) -> Sequence[Admission | Cut]:
        """Leave what the run's own limit has no room for, if it has one."""
        if self._run_limit is None:
            return admissions
        # What the run has sent is counted under the locks that its other senders take, too.
        hold(connection, self._rules.limits.values(), now)
        was_used_up = self._run_limit.is_used_up
        within = self._run_limit.within(connection, interval_id, admissions)
        if self._run_limit.is_used_up and not was_used_up:
            most = counted(self._run_limit.most, "call")
            self._log.info("The run has placed as many as its limit allows, %s, and sends no others", most)
        return within

    def _look(self, batch: Batch, body: bytes, now: float) -> Admission:
        """Look at a batch a last time."""
        return admit(_envelope(batch, body), self._rules, now, send_seconds=self._sender.lease_seconds)

    def _carry_out(
        self,
        connection: Connection,
        admissions: Iterable[tuple[Batch, Admission | Cut]],
        progress: Progress,
        now: float,
    ) -> None:
        """Do what was decided of the batches that may not go."""
        for batch, admission in admissions:
            match admission:
                case Leave():
                    self._left.append(batch.id)
                case Move(_, frozen, starts_at, not_after):
                    freeze_anew(connection, batch, frozen, starts_at=starts_at, not_after=not_after)
                case Outcome() as outcome:
                    if not record(connection, [outcome], run_id=self._sender.run_id, now=now):
                        progress.add(outcome)

    def _take(
        self, connection: Connection, admissions: Sequence[Admission | Cut], now: float
    ) -> tuple[list[Batch], float | None]:
        taken: list[Batch] = []
        wait_until = None
        admitted = [admission.envelope for admission in admissions if isinstance(admission, Go)]
        for endpoint, limit in self._rules.limits.items():
            queue = [envelope for envelope in admitted if envelope.batch.endpoint is endpoint]
            if queue:
                wave = take(connection, queue, sender=self._sender, limit=limit, now=now)
                taken += wave.taken
                wait_until = wave.wait_until or wait_until
        for cut in admissions:
            if isinstance(cut, Cut):
                wave = self._take_part(connection, cut, now)
                taken += wave.taken
                wait_until = wave.wait_until or wait_until
        return taken, wait_until

    def _take_part(self, connection: Connection, cut: Cut, now: float) -> Wave:
        """Cut a batch and take its first part at once; later it would stand behind all that was planned before."""
        limit = self._rules.limits[cut.batch.endpoint]
        fit, when = room(connection, limit, [limit.weight(cut.calls)], now)
        if not fit:
            return Wave([], when)
        outcome = split(cut.batch, "the limit of the run has no room for all of it", first=cut.calls)
        parts = replace_by_parts(connection, outcome, run_id=self._sender.run_id, now=now)
        envelopes = [_envelope(part, self._body(part)) for part in map(self._bound, parts[:1])]
        return take(connection, envelopes, sender=self._sender, limit=limit, now=now)

    def _bound(self, batch: Batch) -> Batch:
        """The batch with the envelope of now, unless Phonon may have it: then it keeps the one it was sent with."""
        now = self._rules.envelope
        if now is None or batch.past.may_be_accepted:
            return batch
        return replace(batch, flow_id=now.flow_id, api_version=now.api_version)

    def _body(self, batch: Batch) -> bytes:
        return RequestEnvelope(batch.api_version, self._security_id, batch.flow_id).around(batch.frozen)

    def _land(self, progress: Progress, *, timeout: float) -> None:
        """Record what has landed, in one transaction."""
        # Kept until it is recorded: a signal may end the process between the two.
        self._landed += self._flights.landed(timeout=timeout)
        if not self._landed:
            return
        reached(Point.BEFORE_RECORD)
        with self._ledger.transaction() as connection:
            now = self._ledger.now(connection)
            settled = [settle(batch, exchange, self._rules, now) for batch, exchange in self._landed]
            outcomes = [each.outcome for each in settled]
            late = record(connection, outcomes, run_id=self._sender.run_id, now=now)
            for each in settled:
                if each.kind is Kind.THROTTLED:
                    limit = self._rules.limits[each.outcome.batch.endpoint]
                    slow_down(connection, limit, now, each.retry_after)
        self._landed = []
        reached(Point.AFTER_RECORD)
        self._tell_late(late)
        self._learn(settled, now)
        for outcome in outcomes:
            if outcome not in late:
                progress.add(outcome)

    def _learn(self, settled: Sequence[Settlement], now: float) -> None:
        """Adapt to what the answers say about the other side as a whole."""
        self._throttled = self._throttled + 1 if all(each.kind is Kind.THROTTLED for each in settled) else 0
        if self._throttled >= self._rules.max_throttled:
            self._stop(Stopped(Stop.UNCLEAR, settled[-1].outcome.reason or ""))
        for each in settled:
            outcome, kind = each.outcome, each.kind
            if kind is None:
                self._note_unreachable(outcome, now)
                continue
            self._unreachable = 0
            if kind is Kind.THROTTLED:
                self._log.warning("Batch %d was above Phonon's limit: sending slower", outcome.batch.id)
            elif kind.stops:
                code = outcome.answered.code if outcome.answered else None
                self._stop(_stopped_by(kind, outcome.reason or "", code))
            elif kind in {Kind.ACCEPTED, Kind.ACCEPTED_EARLIER, Kind.PARTIAL}:
                self._alone, self._unclear = False, 0
            elif kind is not Kind.SPLIT:
                self._note_unclear(outcome, now)

    def _note_unreachable(self, outcome: Outcome, now: float) -> None:
        self._go_alone(now)
        if now < self._quiet_until:
            return  # in flight together with the one that was counted
        self._unreachable += 1
        self._quiet_until = now + backoff(self._unreachable)
        self._log.warning("Batch %d could not be sent: %s", outcome.batch.id, outcome.reason)
        if self._unreachable >= self._rules.max_unreachable:
            self._stop(Stopped(Stop.UNREACHABLE, outcome.reason or ""))

    def _note_unclear(self, outcome: Outcome, now: float) -> None:
        self._log.warning("Batch %d is %s: %s", outcome.batch.id, outcome.state, outcome.reason)
        if outcome.state not in {BatchState.HELD, BatchState.REFUSED}:
            return
        self._unclear += 1
        # Most of them were in flight together; only one after another is a sign to stop.
        if self._unclear >= self._rules.max_in_flight and not self._alone:
            self._go_alone(now)
            self._unclear = 0
        if self._alone and self._unclear >= self._rules.max_unclear:
            self._stop(Stopped(Stop.UNCLEAR, outcome.reason or ""))

    def _go_alone(self, now: float) -> None:
        self._alone = True
        self._others.forget(now)

    def _stop(self, stopped: Stopped) -> None:
        if self._stopped is None:
            self._stopped = stopped
            self._log.error("Sending stops (%s): %s", stopped.stop, stopped.reason)

    def _tell_late(self, late: Iterable[Outcome]) -> None:
        for outcome in late:
            self._log.warning(
                "Batch %d was taken over by another sender; this answer is not recorded: %s",
                outcome.batch.id,
                outcome.reason,
            )


def _envelope(batch: Batch, body: bytes) -> Envelope:
    return Envelope(batch, hashlib.sha256(body).hexdigest(), len(body))


def _stopped_by(kind: Kind, reason: str, code: int | None) -> Stopped:
    return Stopped(Stop.TOP_UP if kind is Kind.TOP_UP else Stop.FIX_CONFIGURATION, reason, code)
