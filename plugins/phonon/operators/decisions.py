"""Whether a run calls, and how that is told to people who look at it in Airflow's UI."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from phonon.campaign.backfill import BackfillMode
from phonon.campaign.late import LateMode
from phonon.campaign.model import Campaign
from phonon.errors import ConfigurationError
from phonon.operators.context import interval_end
from phonon.wording import counted

if TYPE_CHECKING:
    from phonon.campaign.run import Run
    from phonon.planning.planner import Planned

_CALL_LATE = (
    "To call these contacts now, trigger the Dag by hand: that run is not late. To have late runs call by "
    "themselves, set late: {then: call} in the campaign, or a longer late.after."
)
DECISION = "decision"
"""Key of the XCom, and of the results asset's extra, that says what a run decided and why."""


def as_backfill(run: Run, campaign: Campaign, dag_run: Any) -> Run:
    """Make a backfill's run that must not call a dry run, with the reason; other runs stay as they are.

    A run of any other kind that a backfill runs again is a backfill's from then on: Airflow changes its type.
    Each task asks anew, so that one that waited for days does not call by what was right when the run began. The
    age is told by the ledger's clock, which all senders share.

    :raises ConfigurationError: if the campaign refuses backfills.
    """
    if run.run_type != "backfill":
        return run
    if campaign.backfill.mode is BackfillMode.REFUSE:
        raise ConfigurationError(
            f"Campaign {campaign.name} refuses backfills (backfill.mode), so this run plans and sends nothing. "
            "Call the contacts by a manual run, or give the campaign another mode."
        )
    from phonon.hooks.ledger import open_ledger  # noqa: PLC0415 - heavy, and a Dag file imports this module

    ledger = open_ledger(campaign.ledger_conn_id)
    try:
        with ledger.transaction(read_only=True) as connection:
            now = datetime.fromtimestamp(ledger.now(connection), UTC)
    finally:
        ledger.close()
    reason = campaign.backfill.why_nothing_is_sent(interval_end(dag_run), now)
    # What a person asked for stays the reason.
    return run if reason is None or run.dry_run else replace(run, dry_run=True, dry_run_reason=reason)


def as_due(run: Run, campaign: Campaign, dag_run: Any) -> Run:
    """Make a scheduled run that began long after it was due a dry run, with the reason; others stay as they are.

    A retry or a clear of a run that began in time is not late: when it began for the first time is in the ledger.

    :raises ConfigurationError: if the campaign refuses runs that begin late.
    """
    if run.run_type != "scheduled" or dag_run.start_date is None or campaign.late.then is LateMode.CALL:
        return run
    from phonon.hooks.ledger import open_ledger  # noqa: PLC0415 - heavy, and a Dag file imports this module
    from phonon.ledger.run_starts import first_start  # noqa: PLC0415 - as above

    ledger = open_ledger(campaign.ledger_conn_id)
    try:
        began = first_start(ledger, campaign.name, run.run_id, dag_run.start_date)
    finally:
        ledger.close()
    reason = campaign.late.why(dag_run.run_after, began)
    if reason is None or run.dry_run:
        return run
    if campaign.late.then is LateMode.REFUSE:
        raise ConfigurationError(f"{_CALL_LATE}\nThis run plans and sends nothing: it is {reason} (late.then).")
    return replace(run, dry_run=True, dry_run_reason=reason, dry_run_remedy=_CALL_LATE)


def told_decision(run: Run, planned: Planned) -> str:
    """Say in one line what a run decided, and what came of its contacts. No number of a person is in it."""
    calls = f"{counted(planned.planned, 'call')} planned in {counted(planned.batches, 'batch', 'batches')}"
    what = f"calls {counted(len(run.test_numbers), 'test number')}" if run.test_numbers else "calls"
    if run.dry_run:
        what = f"sends nothing ({run.dry_run_reason})"
        calls = f"{planned.admitted:,} would be called"
    return (
        f"{run.run_type} run over {run.interval_key}: {what}. Of {counted(planned.rows_read, 'contact')}: {calls}, "
        f"{planned.already_planned:,} planned by an earlier run, {planned.suppressed:,} suppressed, "
        f"{planned.invalid:,} invalid."
    )
