"""What each run of an interval has to answer for: the contacts that it planned or rejected, as they stand now.

Each row of the results table belongs to exactly one run. A call belongs to the run that claimed it, whichever run
sends it and whoever decides about it later; a row that was rejected belongs to the run whose plan is the interval's
newest. So over all runs of an interval the counts are those of its results. What a run's query returned besides are
contacts that another run counts: with these, its counts add up to the rows that it read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, func, select

from phonon.api.verdict import Past
from phonon.ledger.members import written_out
from phonon.ledger.report import REJECTS_BY_STATUS, SHOWN_WITH_ANSWER, Totals
from phonon.ledger.schema import batches, intervals, plans
from phonon.ledger.states import WITHOUT_CALLS, BatchState, CallStatus, call_status

_NOT_PLANNED = frozenset({CallStatus.INVALID, CallStatus.SUPPRESSED, CallStatus.DRY_RUN})


@dataclass(frozen=True)
class RunCounts:
    """The counts of one run. ``returned``: rows that its query returned, in the try that returned most."""

    totals: Totals = field(default_factory=lambda: Totals({}, {}))
    returned: int = 0

    @property
    def own(self) -> int:
        """Rows of the results table that are this run's."""
        return sum(self.totals.by_status.values())

    @property
    def planned(self) -> int:
        """Calls that the run has planned and nobody has taken back since."""
        return sum(count for status, count in self.totals.by_status.items() if status not in _NOT_PLANNED)

    @property
    def rows_read(self) -> int:
        """Rows that the run has read. A try that was cut short has no count of its own: what it claimed is one."""
        return max(self.returned, self.own)

    @property
    def counted_elsewhere(self) -> int:
        """Rows whose contacts another run of the interval counts."""
        return self.rows_read - self.own


def counts_of_runs(connection: Connection, interval_id: int) -> dict[str, RunCounts]:
    """Count the contacts of an interval by the run that they belong to, for every run that has planned in it."""
    by_status: dict[str, Counter[CallStatus]] = defaultdict(Counter)
    by_code: dict[str, Counter[int]] = defaultdict(Counter)
    key = {"interval": interval_id}
    for run_id, state, past, code, count in connection.execute(_CALLS_BY_RUN, key):
        status = call_status(BatchState(state), Past(past))
        by_status[run_id][status] += int(count)
        if code is not None and status in SHOWN_WITH_ANSWER:
            by_code[run_id][code] += int(count)
    newest = connection.execute(_NEWEST_RUN, key).scalar()
    if newest is not None:
        for word, count in connection.execute(REJECTS_BY_STATUS, key):
            by_status[newest][CallStatus(word)] += count
    returned = {run_id: int(rows) for run_id, rows in connection.execute(_RETURNED, key)}
    return {
        run_id: RunCounts(_totals(by_status[run_id], by_code[run_id]), returned.get(run_id, 0))
        for run_id in sorted(returned.keys() | by_status.keys())
    }


def totals_of_task(connection: Connection, interval_id: int, run_id: str, task: str) -> Totals:
    """Count the contacts that one task of a run has planned or rejected, in all its tries, as they stand now."""
    by_status: Counter[CallStatus] = Counter()
    by_code: Counter[int] = Counter()
    key = {"interval": interval_id, "run": run_id, "task": task}
    for state, past, code, count in connection.execute(_CALLS_OF_TASK, key):
        status = call_status(BatchState(state), Past(past))
        by_status[status] += int(count)
        if code is not None and status in SHOWN_WITH_ANSWER:
            by_code[code] += int(count)
    newest = connection.execute(_NEWEST_RUN, key).one_or_none()
    if newest is not None and (newest.run_id, newest.task) == (run_id, task):
        for word, count in connection.execute(REJECTS_BY_STATUS, key):
            by_status[CallStatus(word)] += count
    return _totals(by_status, by_code)


def totals_of(counts: Mapping[str, RunCounts]) -> Totals:
    """The counts of all runs together: the interval's, as its results show it."""
    by_status: Counter[CallStatus] = Counter()
    by_code: Counter[int] = Counter()
    for each in counts.values():
        by_status.update(each.totals.by_status)
        by_code.update(each.totals.by_code)
    return Totals(by_status, by_code)


def _totals(by_status: Counter[CallStatus], by_code: Counter[int]) -> Totals:
    return Totals(dict(by_status), dict(by_code))


# Statements made once: to build one takes the ledger longer than to carry it out.
_RUN = func.coalesce(plans.c.run_id, batches.c.run_id)
_CALLS_BY_RUN = (
    select(_RUN, batches.c.state, batches.c.past, batches.c.code, func.sum(batches.c.calls))
    .join_from(batches, plans, plans.c.id == batches.c.plan_id, isouter=True)
    .where(
        batches.c.interval_id == bindparam("interval"),
        batches.c.calls > 0,
        batches.c.state.not_in(written_out(sorted(WITHOUT_CALLS))),
    )
    .group_by(_RUN, batches.c.state, batches.c.past, batches.c.code)
)
_CALLS_OF_TASK = (
    select(batches.c.state, batches.c.past, batches.c.code, func.sum(batches.c.calls))
    .join(plans, plans.c.id == batches.c.plan_id)
    .where(
        batches.c.interval_id == bindparam("interval"),
        batches.c.calls > 0,
        batches.c.state.not_in(written_out(sorted(WITHOUT_CALLS))),
        plans.c.run_id == bindparam("run"),
        plans.c.task == bindparam("task"),
    )
    .group_by(batches.c.state, batches.c.past, batches.c.code)
)
_NEWEST_RUN = (
    select(plans.c.run_id, plans.c.task)
    .join(intervals, intervals.c.plan_id == plans.c.id)
    .where(intervals.c.id == bindparam("interval"))
)
_RETURNED = (
    select(plans.c.run_id, func.max(plans.c.rows_read))
    .where(plans.c.interval_id == bindparam("interval"))
    .group_by(plans.c.run_id)
)
