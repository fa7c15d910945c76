"""The first step of a run, without Airflow: read the contacts and plan their calls."""

from __future__ import annotations

import re
from contextlib import closing
from logging import Logger

from phonon.api.connection import ConnectionSettings
from phonon.campaign.model import Campaign
from phonon.campaign.new_rows import TakingNewRows
from phonon.campaign.read_only import READ_ONLY_CURE, why_not_read
from phonon.campaign.run import Run
from phonon.campaign.schedule import NewRowsSchedule
from phonon.campaign.start import StartAtColumn, StartAtTime
from phonon.campaign.witness import Witness
from phonon.contacts.columns import ContactColumns
from phonon.errors import ConfigurationError
from phonon.ledger.claims import find_interval
from phonon.ledger.retention import note_look_back
from phonon.ledger.settlements import Decision
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import DO_NOT_CALL, Withdrawal, withdraw_forbidden
from phonon.planning.clocks import check_clocks
from phonon.planning.planner import Planned, Planner
from phonon.planning.rules import PerNumber, PlanningRules, calls_per_batch
from phonon.planning.suppression import NumberSet, read_numbers
from phonon.warehouse.warehouse import Warehouse

_JINJA = re.compile(r"\{[{%]")
_READ_ROWS = 5_000


class Extraction:
    """Reads the contacts of a run's interval, and plans their calls in the ledger."""

    def __init__(self, campaign: Campaign, run: Run, *, ledger: Ledger, warehouse: Warehouse, log: Logger) -> None:
        self._campaign = campaign
        self._run = run
        self._ledger = ledger
        self._warehouse = warehouse
        self._log = log

    def plan(self, sql: str, settings: ConnectionSettings, *, suppress: str | None = None) -> Planned:
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
        warehouse = self._warehouse
        warehouse.ensure_tables(campaign.results_table)
        warehouse.check_writable(campaign.results_table)
        Witness(campaign, run, ledger=self._ledger, warehouse=warehouse).check()
        suppressed = self._suppressed(warehouse, suppress)
        if suppressed is not None and not run.dry_run:
            self._withdraw(suppressed)
        if per_number:
            with self._ledger.transaction() as connection:
                note_look_back(connection, per_number.days)
        if isinstance(campaign.schedule, NewRowsSchedule) and not run.test_numbers:
            taking = TakingNewRows(campaign.name, campaign.schedule.new_rows, self._ledger, warehouse)
            sql = taking.query(sql, run.interval_key, run.new_rows, record=not run.dry_run)
        planner = Planner(
            self._ledger,
            rules,
            columns,
            run_id=run.run_id,
            log=self._log,
            suppressed=suppressed,
            task=run.task,
        )
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

    def _withdraw(self, suppressed: NumberSet) -> None:
        """Take back what earlier runs of the interval have planned to numbers that must not be called any more."""
        with self._ledger.transaction() as connection:
            interval_id = find_interval(connection, self._campaign.name, self._run.interval_key)
            now = self._ledger.now(connection)
        done = withdraw_forbidden(
            self._ledger,
            Decision("the suppress query", DO_NOT_CALL, self._run.run_id, now),
            interval_id,
            lambda _, numbers: suppressed.among(numbers),
        )
        if done != Withdrawal():
            self._log.warning("Do not call: %s", done)

    def _check_reads(self, key: str, rendered: str) -> None:
        """Refuse a query that changes data, now that its Jinja is rendered."""
        objection = why_not_read(rendered)
        if objection is not None:
            raise ConfigurationError(
                f"The {key} query of campaign {self._campaign.name}, as it is rendered: {objection}. Nothing was "
                f"planned. {READ_ONLY_CURE}"
            )


def contact_columns(campaign: Campaign) -> ContactColumns:
    """What the campaign asks of the columns of its contacts query."""
    start = campaign.start_at
    return ContactColumns(
        campaign.contact_id,
        campaign.numbers,
        dict(campaign.variables),
        start.column if isinstance(start, StartAtColumn) else None,
        campaign.numbers_kind,
    )
