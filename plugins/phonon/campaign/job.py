"""One run of a campaign, step by step, without Airflow: plan the calls, send them, write the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging import INFO, WARNING, Logger
from typing import TYPE_CHECKING

from phonon.api.codes import CURE, Code
from phonon.api.connection import ConnectionSettings
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Transport
from phonon.campaign.collecting import new_objects_only
from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.dispatch.dispatcher import Dispatcher, Stop, Stopped
from phonon.dispatch.flights import Flights
from phonon.dispatch.process import Ending
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import EnvelopeNow, SendingRules
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import find_interval
from phonon.ledger.reasons import reasons_not_called
from phonon.ledger.report import HeldBatch, Totals, held_batches, open_calls, totals
from phonon.ledger.run_calls import calls_of_run, earliest_start
from phonon.ledger.settlements import Decision
from phonon.ledger.shares import WHOLE, Share
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import DO_NOT_CALL, Withdrawal, withdraw_listed
from phonon.planning.start_times import next_window
from phonon.review.approval import ApprovalDesk, ApprovalNeededError, ApprovalRule, Question, RejectedError
from phonon.review.desk import Person
from phonon.wording import counted, in_zone

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from phonon.campaign.results import Pushed
    from phonon.planning.planner import Planned
    from phonon.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Sent:
    """Where the calls of an interval stand after sending."""

    totals: Totals
    held: list[HeldBatch]
    stopped: Stopped | None
    as_of: datetime
    """When that was, by the clock that all senders of the ledger share."""
    is_at_limit: bool = False
    """Whether the run has placed as many calls as its parameter ``limit`` allows."""

    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why people were not called, with how many each, the most common first."""

    @property
    def pending(self) -> int:
        """Calls that are planned and not sent."""
        return self.totals.by_status.get(CallStatus.PENDING, 0)


class CampaignJob:
    """The steps of one run. Each can be repeated, in this process or another, and takes up what was left."""

    def __init__(
        self, campaign: Campaign, run: Run, *, ledger: Ledger, warehouse: Warehouse | None, log: Logger
    ) -> None:
        self._campaign = campaign
        self._run = run
        self._ledger = ledger
        self._warehouse = warehouse
        self._log = log

    def extract_and_batch(self, sql: str, settings: ConnectionSettings, *, suppress: str | None = None) -> Planned:
        """Read the contacts and plan their calls.

        :param sql: the rendered query.
        :param suppress: the rendered query of numbers that must not be called; by default the campaign's own,
            which must then need no rendering.
        """
        from phonon.campaign.extraction import Extraction  # noqa: PLC0415 - needs pandas, which sending does not

        warehouse = self._open_warehouse()
        extraction = Extraction(self._campaign, self._run, ledger=self._ledger, warehouse=warehouse, log=self._log)
        with new_objects_only():
            planned = extraction.plan(sql, settings, suppress=suppress)
        if self._run.test_numbers and not self._run.dry_run:
            self._tell_when_it_rings(planned.interval_id)
        return planned

    def _tell_when_it_rings(self, interval_id: int) -> None:
        """Say when the calls of a test run ring: a tester beside a silent phone must know what to wait for."""
        with self._ledger.transaction(read_only=True) as connection:
            starts_at, now = earliest_start(connection, interval_id), self._ledger.now(connection)
        if starts_at is None:
            return
        if starts_at <= now:
            self._log.info("The test numbers ring as soon as Phonon has the calls")
            return
        zone = self._campaign.calling_window.timezone
        self._log.warning(
            "The test numbers ring at %s, not now: calls of this campaign start within %s",
            in_zone(datetime.fromtimestamp(starts_at, UTC), zone),
            self._campaign.calling_window,
        )

    def _withdraw(self, interval_id: int) -> None:
        """Take back what was planned before its number was put on the do-not-call list."""
        with self._ledger.transaction(read_only=True) as connection:
            now = self._ledger.now(connection)
        decision = Decision("the do-not-call list", DO_NOT_CALL, self._run.run_id, now)
        done = withdraw_listed(self._ledger, decision, interval_id)
        if done != Withdrawal():
            self._log.warning("Do not call: %s", done)

    def question(self) -> Question | None:
        """What a person has to be asked before the interval's calls are sent; None if nothing.

        :raises RejectedError: if a person has answered no, and nothing was planned since.
        """
        approval = self._campaign.approval
        if approval is None or self._run.dry_run or self._run.test_numbers:
            return None
        desk, interval_id = ApprovalDesk(self._ledger), self._interval_id()
        rejection = desk.rejection(interval_id)
        if rejection is not None:
            # What was to be taken back may be there still: whoever did it can have been killed in the middle.
            desk.reject(interval_id, Person(self._run.run_id, self._run.run_id), rejection)
            raise RejectedError(rejection)
        return desk.question(interval_id, ApprovalRule(approval.above, approval.unusual))

    def approve(self, calls: int, person: Person, note: str) -> None:
        """Let the interval's calls be sent as long as no more than ``calls`` are claimed in it."""
        ApprovalDesk(self._ledger).approve(self._interval_id(), calls, person, note)

    def reject(self, person: Person, reason: str) -> int:
        """Take back the interval's calls that were not sent; gives how many."""
        return ApprovalDesk(self._ledger).reject(self._interval_id(), person, reason)

    def _interval_id(self) -> int:
        with self._ledger.transaction() as connection:
            return find_interval(connection, self._campaign.name, self._run.interval_key)

    def trigger_calls(
        self,
        settings: ConnectionSettings,
        make_transport: Callable[[], Transport],
        ending: Ending | None = None,
        *,
        shard: int | None = None,
    ) -> Sent:
        """Send what may be sent of the interval, until ``ending`` says that the process is to end.

        :param shard: which of the campaign's shards this is, counted from 0; None for the only sender.
        :raises ApprovalNeededError: before anything is sent, if a person has to approve it and has not.
        :raises RejectedError: if a person has rejected it.
        :raises ForgetfulLedgerError: before anything is sent, if the warehouse remembers what the ledger does not.
        """
        interval_id = self._interval_id()
        if not self._run.test_numbers:
            self._withdraw(interval_id)
        question = self.question()
        if question is not None:
            raise ApprovalNeededError(question)
        with self._ledger.transaction(read_only=True) as connection:
            waiting = open_calls(connection, interval_id)
        stopped = None
        if self._run.dry_run:
            level = WARNING if self._run.dry_run_remedy else INFO
            self._log.log(level, "Nothing is sent: %s. %s", self._run.dry_run_reason, self._run.dry_run_remedy)
        elif waiting:
            share = WHOLE if shard is None else Share(shard, self._campaign.shards)
            self._witness()
            stopped = self._send(settings, make_transport(), interval_id, waiting, ending, share)
        sent = self._standing(interval_id, stopped)
        if sent.pending and sent.stopped is None and not self._run.dry_run:
            self._tell_pending(sent)
        return sent

    def _witness(self) -> None:
        """Have the warehouse remember that the run sends. Holds nothing of the warehouse afterwards."""
        from phonon.campaign.witness import Witness  # noqa: PLC0415 - not needed where there is nothing to send

        witness = Witness(self._campaign, self._run, ledger=self._ledger, warehouse=self._open_warehouse())
        self._log.info("The warehouse remembers this run as number %d of its ledger", witness.begin())

    def _standing(self, interval_id: int, stopped: Stopped | None) -> Sent:
        """Look up where the calls stand. A sender that had no clear answers, but nothing left, did not stop."""
        with self._ledger.transaction(read_only=True) as connection:
            now = datetime.fromtimestamp(self._ledger.now(connection), UTC)
            if stopped is not None and stopped.stop is Stop.UNCLEAR and not open_calls(connection, interval_id):
                self._log.warning("No batch was left to send: the run goes on to its end")
                stopped = None
            return Sent(
                totals(connection, interval_id),
                held_batches(connection, interval_id),
                stopped,
                now,
                is_at_limit=self._is_at_limit(connection, interval_id),
                reasons=reasons_not_called(connection, interval_id),
            )

    def _is_at_limit(self, connection: Connection, interval_id: int) -> bool:
        limit = self._run.limit
        return limit is not None and calls_of_run(connection, interval_id, self._run.run_id).calls >= limit

    def _tell_pending(self, sent: Sent) -> None:
        if sent.is_at_limit:
            self._log.warning(
                "%s This run may place at most %d (limit). To send them, run the interval again, without a limit "
                "or with another; those whose day is over expire",
                _are_pending(sent.pending),
                self._run.limit,
            )
            return
        opens = next_window(self._campaign.calling_window, sent.as_of)
        self._log.warning(
            "%s The calling hours do not let them go now: the next window opens at %s. To send them, clear this "
            "task then, or run the interval again; those whose day is over expire",
            _are_pending(sent.pending),
            in_zone(opens, self._campaign.calling_window.timezone),
        )

    def _send(
        self,
        settings: ConnectionSettings,
        transport: Transport,
        interval_id: int,
        waiting: int,
        ending: Ending | None,
        share: Share,
    ) -> Stopped | None:
        account = self._ledger.account(settings.security_id)
        limits = {
            endpoint: RateLimit(endpoint, account, settings.per_minute[endpoint], settings.counts_requests)
            for endpoint in Endpoint
        }
        rules = SendingRules(
            window=self._campaign.calling_window,
            limits=limits,
            outside=self._campaign.window.outside,
            envelope=EnvelopeNow(
                self._campaign.flow_id, "TEST" if self._run.test_numbers else settings.api_version
            ),
            on_unknown={endpoint: self._campaign.on_unknown.at(endpoint) for endpoint in Endpoint},
            max_calls_of_run=self._run.limit,
            max_in_flight=settings.max_in_flight,
        )
        flights = Flights(transport, max_in_flight=settings.max_in_flight)
        per_minute = None if settings.counts_requests else settings.per_minute[self._campaign.endpoint]
        dispatcher = Dispatcher(
            self._ledger,
            flights,
            rules,
            security_id=settings.security_id,
            run_id=self._run.run_id,
            log=self._log,
            share=share,
            ending=ending,
        )
        if self._run.limit is not None:
            waiting = min(waiting, self._run.limit)
        return dispatcher.send(interval_id, Progress(self._log, waiting if share == WHOLE else None, per_minute))

    def reasons(self) -> dict[str, int]:
        """Why people of the interval are not called, with how many each, the most common first."""
        interval_id = self._interval_id()
        with self._ledger.transaction(read_only=True) as connection:
            return reasons_not_called(connection, interval_id)

    def held(self) -> list[HeldBatch]:
        """What is held of the interval now, and still waits for something."""
        interval_id = self._interval_id()
        with self._ledger.transaction(read_only=True) as connection:
            return held_batches(connection, interval_id)

    def push_results(self, outcome: str, *, settles: bool = False) -> Pushed:
        """Replace the interval's rows in the results table, and the rows of its runs in the table of runs.

        :param settles: the run settles what other runs planned, and has planned nothing itself.
        """
        from phonon.campaign.results import Push  # noqa: PLC0415 - as above

        warehouse, interval_id = self._open_warehouse(), self._interval_id()
        push = Push(self._campaign, self._run, ledger=self._ledger, warehouse=warehouse, log=self._log)
        with new_objects_only():
            return push.replace(interval_id, outcome, settles=settles)

    def _open_warehouse(self) -> Warehouse:
        if self._warehouse is None:
            raise ValueError("This step needs the warehouse, and the job was made without one.")
        return self._warehouse


def stop_message(sent: Sent, campaign: Campaign, urls: Mapping[Endpoint, str], *, task_id: str) -> str:
    """Say why a run stopped, how many calls are pending and what to do. ``task_id``: the task that sends."""
    conn_id, endpoint = campaign.phonon_conn_id, campaign.endpoint
    if sent.stopped is None:
        return ""
    stopped = sent.stopped
    pending = _are_pending(sent.pending)
    rest = f"{pending} When it is mended, clear {task_id}: that sends those and only those."
    if stopped.stop is Stop.UNREACHABLE:
        return (
            f"Phonon could not be reached: {stopped.reason}.\n"
            f"In these tries nothing was sent to {urls[endpoint]}. {endpoint}_url, proxy, verify and timeout "
            f"are in the connection {conn_id!r}. {rest}"
        )
    if stopped.stop is Stop.UNCLEAR:
        return (
            "See in the results which calls are held, and ask Phonon whether there is a disturbance.\n"
            f"Phonon gave no clear answer to one batch after another ({stopped.reason}). {rest}"
        )
    if stopped.stop is Stop.PAUSED:
        return (
            f"Resume (Dag phonon_pause or phonon resume), then clear {task_id}: that sends those and only those.\n"
            f"Sending is paused: {stopped.reason}. {pending}"
        )
    if stopped.stop is Stop.ENDED:
        return (
            f"Clear {task_id}, if Airflow does not retry it: that sends those and only those.\n"
            f"Sending ended early: {stopped.reason}. What was in flight is recorded. {pending}"
        )
    cure = CURE.get(Code(stopped.code)) if stopped.code is not None else None
    cure = cure or "have Phonon whitelist the egress IP of the Airflow workers"
    return f"What to do: {cure} (connection {conn_id!r}).\nPhonon refused: {stopped.reason}. {rest}"


def _are_pending(calls: int) -> str:
    return f"{counted(calls, 'call')} {'is' if calls == 1 else 'are'} pending."
