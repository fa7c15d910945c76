"""The last step of a run, without Airflow: write what came of the calls to the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from logging import Logger

from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.campaign.witness import Witness
from phonon.grouped_rows import GroupedRows
from phonon.ledger.approvals import REJECTED
from phonon.ledger.identity import note_requests
from phonon.ledger.outbox import erase_settled
from phonon.ledger.reasons import reasons_not_called
from phonon.ledger.report import RunFigures, Totals, result_rows, run_figures
from phonon.ledger.retention import KEEP_NUMBERS_DAYS
from phonon.ledger.run_counts import RunCounts, counts_of_runs, totals_of, totals_of_task
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.review.approval import ApprovalDesk
from phonon.warehouse.warehouse import Warehouse
from phonon.wording import counted

COMPLETED = "completed"
"""The outcome of a run that went to its end."""
TEST_RUN = "test run"
"""How the outcome of a run begins that called test numbers."""
UNFINISHED = "unfinished"
"""The outcome of a run that has planned calls and never wrote its results: another run wrote them."""
SETTLING = "settled held batches"
"""How the outcome of a run begins that sent what a person had released."""
_WRITE_ROWS = 2_500
_KEEP_NUMBERS_SECONDS = KEEP_NUMBERS_DAYS * 24 * 3600.0


@dataclass(frozen=True)
class Pushed:
    """What is in the warehouse after results were written."""

    totals: Totals
    seconds: float
    """From the run's first send to its last answer."""
    reasons: Mapping[str, int]
    """Why people were not called, with how many each, the most common first."""
    rejection: str | None = None
    """Why nothing of the interval was sent, if a person has rejected it."""
    task: Totals | None = None
    """Of what the run's task has planned, where several tasks of a run can have one campaign."""


class Push:
    """Writes the results of a run's interval, as the ledger has them, to the warehouse."""

    def __init__(self, campaign: Campaign, run: Run, *, ledger: Ledger, warehouse: Warehouse, log: Logger) -> None:
        self._campaign = campaign
        self._run = run
        self._ledger = ledger
        self._warehouse = warehouse
        self._log = log
        self._witness = Witness(campaign, run, ledger=ledger, warehouse=warehouse)

    def replace(self, interval_id: int, outcome: str, *, settles: bool = False) -> Pushed:
        """Replace the interval's rows in the results table, and the run's row in the table of runs.

        The rows of the interval's other runs get the counts that their contacts have by now.

        :param settles: the run has planned nothing and settled what others had planned. It has a row of its own
            only if it has sent something.
        """
        campaign, run = self._campaign, self._run
        rejection = ApprovalDesk(self._ledger).rejection(interval_id)
        warehouse = self._warehouse
        warehouse.ensure_tables(campaign.results_table)
        # What a forgetful ledger would write takes the place of the rows that tell who was called.
        self._witness.check(is_written=True)
        recorded_at = datetime.now(UTC)
        with closing(result_rows(self._ledger, interval_id, chunk_rows=_WRITE_ROWS)) as chunks:
            rows = warehouse.replace_results(
                campaign.results_table,
                campaign=campaign.name,
                interval_key=run.interval_key,
                chunks=(_recorded(chunk, recorded_at) for chunk in chunks),
            )
        with self._ledger.transaction() as connection:
            counts = counts_of_runs(connection, interval_id)
            task = None if run.task is None else totals_of_task(connection, interval_id, run.run_id, run.task)
            reasons = reasons_not_called(connection, interval_id)
            figures = run_figures(connection, interval_id, run.run_id)
            note_requests(connection, campaign.name, run.run_id, figures.requests)
            erase_settled(connection, before=self._ledger.now(connection) - _KEEP_NUMBERS_SECONDS)
        if not settles or figures.requests or self._witness.signature(run.run_id):
            row = {
                "run_type": run.run_type,
                **_counted(counts.get(run.run_id, RunCounts())),
                **_sent(figures),
                "outcome": self._outcome(REJECTED if rejection else outcome, settles=settles),
            }
            self._replace_run(run.run_id, row, recorded_at)
        for run_id in counts.keys() - {run.run_id}:
            self._recount(interval_id, run_id, counts[run_id], recorded_at)
        self._log.info("Written: %s of %s to %s", counted(rows, "row"), run.interval_key, campaign.results_table)
        for reason, count in reasons.items():
            self._log.info("Not called: %s: %s", counted(count, "row"), reason)
        return Pushed(totals_of(counts), figures.seconds, reasons, rejection, task)

    def _recount(self, interval_id: int, run_id: str, counts: RunCounts, at: datetime) -> None:
        """Bring the row of another run up to date: its counts only, since what it did is its own to say."""
        changed = {"campaign": self._campaign.name, "run_id": run_id, **_counted(counts), "recorded_at": at}
        if not self._warehouse.update_run(changed, results_table=self._campaign.results_table):
            with self._ledger.transaction() as connection:
                figures = run_figures(connection, interval_id, run_id)
                note_requests(connection, self._campaign.name, run_id, figures.requests)
            self._replace_run(run_id, {**_counted(counts), **_sent(figures), "outcome": UNFINISHED}, at)

    def _replace_run(self, run_id: str, row: Mapping[str, object], at: datetime) -> None:
        known = {"campaign": self._campaign.name, "run_id": run_id, "interval_key": self._run.interval_key}
        self._warehouse.replace_run(
            {**known, **row, "recorded_at": at},
            results_table=self._campaign.results_table,
            late=lambda: self._witness.signature(run_id),
        )

    def _outcome(self, outcome: str, *, settles: bool) -> str:
        """Say of a run that is not a campaign's ordinary one what it is, and what came of it."""
        if settles:
            return f"{SETTLING}: {outcome}"
        if not self._run.test_numbers:
            return outcome
        return TEST_RUN if outcome == COMPLETED else f"{TEST_RUN}: {outcome}"


def _recorded(rows: GroupedRows, at: datetime) -> GroupedRows:
    return replace(rows, shared={**rows.shared, "recorded_at": [at] * len(rows.counts)})


def _counted(counts: RunCounts) -> dict[str, object]:
    """The columns that change with what becomes of a run's contacts, also after it."""
    by_status = counts.totals.by_status
    return {
        "rows_read": counts.rows_read,
        "counted_elsewhere": counts.counted_elsewhere,
        "planned": counts.planned,
        **{status.value: by_status.get(status, 0) for status in CallStatus},
        "codes": codes_json(counts.totals.by_code),
    }


def _sent(figures: RunFigures) -> dict[str, object]:
    """The columns of what a run has sent, of whichever run's contacts."""
    return {
        "requests": figures.requests,
        "bytes": figures.bytes,
        "first_sent_at": _datetime(figures.first_sent_at),
        "last_sent_at": _datetime(figures.last_sent_at),
        "seconds": figures.seconds,
        "highest_in_any_minute": figures.highest_in_any_minute,
    }


def codes_json(by_code: Mapping[int, int]) -> str:
    """Counts by response code, as the JSON text of the table of runs."""
    return "{" + ", ".join(f'"{code}": {count}' for code, count in sorted(by_code.items())) + "}"


def _datetime(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
