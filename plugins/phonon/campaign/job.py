"""One run of a campaign, step by step, without Airflow: plan the calls, send them, write the results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from logging import Logger

import pandas as pd

from phonon.api.codes import CURE, Code
from phonon.api.connection import ConnectionSettings
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Transport
from phonon.campaign.model import Campaign
from phonon.campaign.new_rows import TakingNewRows
from phonon.campaign.read_only import READ_ONLY_CURE, why_not_read
from phonon.campaign.schedule import NewRowsSchedule
from phonon.campaign.start import StartAtColumn, StartAtTime
from phonon.contacts.columns import ContactColumns
from phonon.cursor_value import RowRange
from phonon.dispatch.dispatcher import Dispatcher, Stop, Stopped
from phonon.dispatch.flights import Flights
from phonon.dispatch.process import Ending
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import SendingRules
from phonon.errors import ConfigurationError
from phonon.ledger.approvals import REJECTED
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import find_interval
from phonon.ledger.outbox import erase_settled
from phonon.ledger.report import HeldBatch, Totals, held_batches, open_calls, result_rows, run_figures, totals
from phonon.ledger.retention import KEEP_NUMBERS_DAYS, note_look_back
from phonon.ledger.settlements import Decision
from phonon.ledger.shares import WHOLE, Share
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import DO_NOT_CALL, Withdrawal, withdraw_listed
from phonon.planning.clocks import check_clocks
from phonon.planning.planner import Planned, Planner
from phonon.planning.rules import PerNumber, PlanningRules, calls_per_batch
from phonon.planning.start_times import next_window
from phonon.planning.suppression import NumberSet, read_numbers
from phonon.review.approval import ApprovalDesk, ApprovalNeededError, ApprovalRule, Question, RejectedError
from phonon.review.desk import Person
from phonon.warehouse.warehouse import Warehouse

_JINJA = re.compile(r"\{[{%]")
_READ_ROWS = 2_500
_WRITE_ROWS = 2_500
_KEEP_NUMBERS_SECONDS = KEEP_NUMBERS_DAYS * 24 * 3600.0


@dataclass(frozen=True)
class Run:
    """Which run this is, and what it was started with. ``new_rows``: what the events that started it tell."""

    run_id: str
    run_type: str
    interval_key: str
    dry_run: bool = False
    dry_run_reason: str = "dry run"
    """Why nothing is sent, for the rows of those who would have been called."""
    limit: int | None = None
    test_numbers: tuple[str, ...] = ()
    new_rows: RowRange | None = None


@dataclass(frozen=True)
class Sent:
    """Where the calls of an interval stand after sending."""

    totals: Totals
    held: list[HeldBatch]
    stopped: Stopped | None
    as_of: datetime
    """When that was, by the clock that all senders of the ledger share."""

    @property
    def pending(self) -> int:
        """Calls that are planned and not sent."""
        return self.totals.by_status.get(CallStatus.PENDING, 0)


@dataclass(frozen=True)
class Pushed:
    """What is in the warehouse after results were written."""

    totals: Totals
    seconds: float
    """From the run's first send to its last answer."""
    rejection: str | None = None
    """Why nothing of the interval was sent, if a person has rejected it."""


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
        campaign, run = self._campaign, self._run
        start = campaign.start_at
        columns = contact_columns(campaign)
        per_number = campaign.limits.per_number
        rules = PlanningRules(
            campaign=campaign.name,
            flow_id=campaign.flow_id,
            endpoint=campaign.endpoint,
            api_version="TEST" if run.test_numbers else settings.api_version,
            window=campaign.calling_window,
            outside=campaign.window.outside,
            start_at=start.clock if isinstance(start, StartAtTime) else None,
            per_number=PerNumber(per_number.calls, per_number.days, per_number.group) if per_number else None,
            follow_up=campaign.follow_up.rule if campaign.follow_up else None,
            max_calls=campaign.limits.max_calls,
            correlation_key=campaign.correlation_key,
            calls_per_batch=calls_per_batch(
                settings.per_minute[campaign.endpoint], counts_requests=settings.counts_requests
            ),
            limit=run.limit,
            dry_run=run.dry_run,
            dry_run_reason=run.dry_run_reason,
            test_numbers=run.test_numbers,
        )
        self._check_reads("contacts", sql)
        check_clocks(self._ledger, self._log)
        warehouse = self._open_warehouse()
        warehouse.ensure_tables(campaign.results_table)
        suppressed = self._suppressed(warehouse, suppress)
        if per_number:
            with self._ledger.transaction() as connection:
                note_look_back(connection, per_number.days)
        if isinstance(campaign.schedule, NewRowsSchedule) and not run.test_numbers:
            taking = TakingNewRows(campaign.name, campaign.schedule.new_rows, self._ledger, warehouse)
            sql = taking.query(sql, run.interval_key, run.new_rows, record=not run.dry_run)
        planner = Planner(self._ledger, rules, columns, run_id=run.run_id, log=self._log, suppressed=suppressed)
        # Closed whatever happens: a DuckDB file that is still held keeps the results from being pushed.
        with closing(warehouse.read(sql, chunk_rows=_READ_ROWS)) as chunks:
            return planner.plan(run.interval_key, chunks)

    def _suppressed(self, warehouse: Warehouse, rendered: str | None) -> NumberSet | None:
        """Read the numbers that the campaign must not call. A test run calls the tester's numbers only."""
        sql = self._campaign.suppress_sql if rendered is None else rendered
        if sql is None or self._run.test_numbers:
            return None
        if rendered is None and _JINJA.search(sql):
            raise ConfigurationError(
                f"The suppress query of campaign {self._campaign.name} has Jinja that was not rendered. Nothing "
                "was planned."
            )
        self._check_reads("suppress", sql)
        with closing(warehouse.read(sql, chunk_rows=_READ_ROWS)) as chunks:
            return read_numbers(chunks, self._log)

    def _check_reads(self, key: str, rendered: str) -> None:
        """Refuse a query that changes data, now that its Jinja is rendered."""
        objection = why_not_read(rendered)
        if objection is not None:
            raise ConfigurationError(
                f"The {key} query of campaign {self._campaign.name}, as it is rendered: {objection}. Nothing was "
                f"planned. {READ_ONLY_CURE}"
            )

    def _withdraw(self, interval_id: int) -> None:
        """Take back what was planned before its number was put on the do-not-call list."""
        with self._ledger.transaction(read_only=True) as connection:
            now = self._ledger.now(connection)
        decision = Decision("the do-not-call list", DO_NOT_CALL, self._run.run_id, now)
        done = withdraw_listed(self._ledger, decision, interval_id)
        if done != Withdrawal():
            self._log.warning(
                "Do not call: %d planned calls were taken back, %d have other numbers left, and %d are beyond "
                "reach, since they may have been accepted",
                done.withdrawn,
                done.shortened,
                done.out_of_reach,
            )

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
            self._log.info("Nothing is sent: %s", self._run.dry_run_reason)
        elif waiting:
            share = WHOLE if shard is None else Share(shard, self._campaign.shards)
            stopped = self._send(settings, make_transport(), interval_id, waiting, ending, share)
        with self._ledger.transaction(read_only=True) as connection:
            now = datetime.fromtimestamp(self._ledger.now(connection), UTC)
            sent = Sent(totals(connection, interval_id), held_batches(connection, interval_id), stopped, now)
        if sent.pending and sent.stopped is None and not self._run.dry_run:
            opens = next_window(self._campaign.calling_window, now)
            self._log.warning(
                "%d calls are pending, since the calling hours do not let them go now. The next window opens at "
                "%s. To send them, clear this task then, or run the interval again; those whose day is over expire",
                sent.pending,
                f"{opens:%Y-%m-%d %H:%M} {self._campaign.calling_window.timezone.key}",
            )
        return sent

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
            on_unknown={endpoint: self._campaign.on_unknown.at(endpoint) for endpoint in Endpoint},
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
        return dispatcher.send(interval_id, Progress(self._log, waiting if share == WHOLE else None, per_minute))

    def push_results(self, outcome: str) -> Pushed:
        """Replace the interval's rows in the results table, and the run's row in the table of runs."""
        campaign, run = self._campaign, self._run
        interval_id = self._interval_id()
        rejection = ApprovalDesk(self._ledger).rejection(interval_id)
        warehouse = self._open_warehouse()
        warehouse.ensure_tables(campaign.results_table)
        recorded_at = datetime.now(UTC)
        rows = warehouse.replace_results(
            campaign.results_table,
            campaign=campaign.name,
            interval_key=run.interval_key,
            chunks=self._result_frames(interval_id, recorded_at),
        )
        with self._ledger.transaction() as connection:
            counted = totals(connection, interval_id)
            figures = run_figures(connection, interval_id, run.run_id)
            erase_settled(connection, before=self._ledger.now(connection) - _KEEP_NUMBERS_SECONDS)
        warehouse.replace_run(
            {
                "campaign": campaign.name,
                "run_id": run.run_id,
                "run_type": run.run_type,
                "interval_key": run.interval_key,
                "rows_read": figures.rows_read,
                "planned": figures.planned,
                **{status.value: counted.by_status.get(status, 0) for status in CallStatus},
                "codes": codes_json(counted.by_code),
                "requests": figures.requests,
                "bytes": figures.bytes,
                "first_sent_at": _datetime(figures.first_sent_at),
                "last_sent_at": _datetime(figures.last_sent_at),
                "seconds": figures.seconds,
                "highest_in_any_minute": figures.highest_in_any_minute,
                "outcome": REJECTED if rejection else outcome,
                "recorded_at": recorded_at,
            },
            results_table=campaign.results_table,
        )
        self._log.info("%d rows of %s are in %s", rows, run.interval_key, campaign.results_table)
        return Pushed(counted, figures.seconds, rejection)

    def _result_frames(self, interval_id: int, recorded_at: datetime) -> Iterator[pd.DataFrame]:
        for rows in result_rows(self._ledger, interval_id, chunk_rows=_WRITE_ROWS):
            # Column by column: pandas takes longer to look into each row, or to make times its own.
            columns = {name: pd.Series([row[name] for row in rows], dtype=object) for name in rows[0]}
            yield pd.DataFrame(columns | {"recorded_at": pd.Series([recorded_at] * len(rows), dtype=object)})

    def _open_warehouse(self) -> Warehouse:
        if self._warehouse is None:
            raise ValueError("This step needs the warehouse, and the job was made without one.")
        return self._warehouse


def contact_columns(campaign: Campaign) -> ContactColumns:
    """What the campaign asks of the columns of its contacts query."""
    start = campaign.start_at
    return ContactColumns(
        campaign.contact_id,
        campaign.numbers,
        dict(campaign.variables),
        start.column if isinstance(start, StartAtColumn) else None,
    )


def stop_message(sent: Sent, campaign: Campaign, urls: Mapping[Endpoint, str], *, task_id: str) -> str:
    """Say why a run stopped, how many calls are pending and what to do. ``task_id``: the task that sends."""
    conn_id, endpoint = campaign.phonon_conn_id, campaign.endpoint
    if sent.stopped is None:
        return ""
    stopped = sent.stopped
    rest = f"{sent.pending} calls are pending. When it is mended, clear {task_id}: that sends those and only those."
    if stopped.stop is Stop.UNREACHABLE:
        return (
            f"Phonon could not be reached at {urls[endpoint]} ({stopped.reason}); nothing was sent in these tries. "
            f"Check {endpoint}_url and proxy of connection {conn_id!r}, and the network of the worker. {rest}"
        )
    if stopped.stop is Stop.UNCLEAR:
        return (
            f"Phonon gave no clear answer to one batch after another ({stopped.reason}). See in the results "
            f"which calls are held, and whether Phonon has a disturbance. {rest}"
        )
    if stopped.stop is Stop.PAUSED:
        return (
            f"Sending is paused: {stopped.reason}. {sent.pending} calls are pending. Resume (Dag phonon_pause or "
            f"phonon resume), then clear {task_id}: that sends those and only those."
        )
    if stopped.stop is Stop.ENDED:
        return (
            f"Sending ended early: {stopped.reason}. What was in flight is recorded; {sent.pending} calls are "
            f"pending. Clear {task_id}, if Airflow does not retry it: that sends those and only those."
        )
    cure = CURE.get(Code(stopped.code)) if stopped.code is not None else None
    cure = cure or "have Phonon whitelist the egress IP of the Airflow workers"
    return f"Phonon refused: {stopped.reason}. What to do: {cure} (connection {conn_id!r}). {rest}"


def codes_json(by_code: Mapping[int, int]) -> str:
    """Counts by response code, as the JSON text of the table of runs."""
    return "{" + ", ".join(f'"{code}": {count}' for code, count in sorted(by_code.items())) + "}"


def _datetime(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
