"""The last step of a run, without Airflow: write what came of the calls to the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from logging import Logger

from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.grouped_rows import GroupedRows
from phonon.ledger.approvals import REJECTED
from phonon.ledger.outbox import erase_settled
from phonon.ledger.report import Totals, result_rows, run_figures, totals
from phonon.ledger.retention import KEEP_NUMBERS_DAYS
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.review.approval import ApprovalDesk
from phonon.warehouse.warehouse import Warehouse

COMPLETED = "completed"
"""The outcome of a run that went to its end."""
TEST_RUN = "test run"
"""How the outcome of a run begins that called test numbers."""
_WRITE_ROWS = 2_500
_KEEP_NUMBERS_SECONDS = KEEP_NUMBERS_DAYS * 24 * 3600.0


@dataclass(frozen=True)
class Pushed:
    """What is in the warehouse after results were written."""

    totals: Totals
    seconds: float
    """From the run's first send to its last answer."""
    rejection: str | None = None
    """Why nothing of the interval was sent, if a person has rejected it."""


class Push:
    """Writes the results of a run's interval, as the ledger has them, to the warehouse."""

    def __init__(self, campaign: Campaign, run: Run, *, ledger: Ledger, warehouse: Warehouse, log: Logger) -> None:
        self._campaign = campaign
        self._run = run
        self._ledger = ledger
        self._warehouse = warehouse
        self._log = log

    def replace(self, interval_id: int, outcome: str) -> Pushed:
        """Replace the interval's rows in the results table, and the run's row in the table of runs."""
        campaign, run = self._campaign, self._run
        rejection = ApprovalDesk(self._ledger).rejection(interval_id)
        warehouse = self._warehouse
        warehouse.ensure_tables(campaign.results_table)
        recorded_at = datetime.now(UTC)
        with closing(result_rows(self._ledger, interval_id, chunk_rows=_WRITE_ROWS)) as chunks:
            rows = warehouse.replace_results(
                campaign.results_table,
                campaign=campaign.name,
                interval_key=run.interval_key,
                chunks=(_recorded(chunk, recorded_at) for chunk in chunks),
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
                "outcome": self._outcome(REJECTED if rejection else outcome),
                "recorded_at": recorded_at,
            },
            results_table=campaign.results_table,
        )
        self._log.info("%d rows of %s are in %s", rows, run.interval_key, campaign.results_table)
        return Pushed(counted, figures.seconds, rejection)

    def _outcome(self, outcome: str) -> str:
        """Say of a test run that it is one, and what came of it unless it went to its end."""
        if not self._run.test_numbers:
            return outcome
        return TEST_RUN if outcome == COMPLETED else f"{TEST_RUN}: {outcome}"


def _recorded(rows: GroupedRows, at: datetime) -> GroupedRows:
    return replace(rows, shared={**rows.shared, "recorded_at": [at] * len(rows.counts)})


def codes_json(by_code: Mapping[int, int]) -> str:
    """Counts by response code, as the JSON text of the table of runs."""
    return "{" + ", ".join(f'"{code}": {count}' for code, count in sorted(by_code.items())) + "}"


def _datetime(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
