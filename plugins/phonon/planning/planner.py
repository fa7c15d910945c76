"""Plans a campaign's contacts for one interval, chunk by chunk: limits, start-times, frozen batches, claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from logging import Logger
from operator import attrgetter
from typing import NamedTuple

import pandas as pd
from sqlalchemy import Connection

from phonon.api.request import MAX_CALL_BYTES, cut, encode_calls, encode_start_time, freeze
from phonon.contacts.cleaning import ContactColumns, clean
from phonon.ledger import claims, do_not_call
from phonon.ledger.claims import NewBatch, NewCall, Plan, Reject
from phonon.ledger.doubts import hold_doubted
from phonon.ledger.known_calls import any_noted
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.ledger.undo import UndoLog, undo
from phonon.planning.drafts import Draft, drafts_of, invalid_rows, without_known
from phonon.planning.follow_ups import FollowUps
from phonon.planning.frequency import FrequencyLimit
from phonon.planning.identity import client_identifiers
from phonon.planning.reported import ReportedCalls
from phonon.planning.rules import PlanningRules
from phonon.planning.start_times import StartTimes, last_sending_time
from phonon.planning.suppression import NumberSet, Suppression
from phonon.planning.tester import as_test_calls
from phonon.wording import counted


@dataclass(frozen=True)
class Planned:
    """What came of a plan, in contacts. ``already_planned`` were claimed by an earlier run of the interval."""

    interval_id: int
    rows_read: int = 0
    admitted: int = 0
    """Contacts that every rule lets through: planned, unless it was a dry run."""
    planned: int = 0
    batches: int = 0
    invalid: int = 0
    suppressed: int = 0
    dry_run: int = 0
    """Contacts that would have been called, had the run sent anything."""
    already_planned: int = 0
    reported: int = 0
    """Contacts whose calls only a report of Phonon's has: claimed as accepted, not sent."""


class _Encoded(NamedTuple):
    """A draft that has become a call: ``call`` is what is sent of it."""

    draft: Draft
    claim: NewCall
    call: bytes


class Planner:
    """Plans the contacts of one run. Used once.

    :param suppressed: numbers that the campaign must not call, besides those of the ledger's do-not-call list.
    """

    def __init__(
        self,
        ledger: Ledger,
        rules: PlanningRules,
        columns: ContactColumns,
        *,
        run_id: str,
        log: Logger,
        suppressed: NumberSet | None = None,
        task: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._columns = columns
        self._run_id = run_id
        self._task = task
        self._log = log
        self._follow_ups = FollowUps(rules, log)
        self._suppression = Suppression(ledger, rules, suppressed)
        self._frequency = FrequencyLimit(ledger, rules)
        self._reported = ReportedCalls(ledger, rules)
        self._changes: UndoLog | None = None
        self._planned_before = 0  # by earlier tries of the run, which its limit counts as well

    def plan(self, interval_key: str, chunks: Iterable[pd.DataFrame]) -> Planned:
        """Plan every row of the chunks; each chunk in one transaction, so a crash leaves whole chunks planned.

        When a chunk cannot be read, those before it are taken back, but for calls that a sender has taken already.
        """
        changes: UndoLog | None = None
        planned = Planned(0)
        for chunk in self._undone_unless_read(chunks):
            if changes is None:  # not before the query has given its first rows
                changes = self._begin(interval_key)
                planned = Planned(changes.plan.interval_id)
            self._columns.check(chunk.columns)
            with self._ledger.transaction() as connection:
                claims.lock_campaign(connection, self._rules.campaign)
                if self._rules.scope != self._rules.campaign:
                    claims.lock_campaign(connection, self._rules.scope)
                do_not_call.hold_list(connection)
                planned = self._plan_chunk(connection, changes, interval_key, chunk, planned)
                claims.note_planned(connection, changes.plan, planned.planned)
            self._tell(planned)
        if changes is None:
            changes = self._begin(interval_key)
            planned = Planned(changes.plan.interval_id)
        with self._ledger.transaction() as connection:
            now = self._ledger.now(connection)
            rows = planned.planned + planned.reported if self._rules.test_numbers else planned.rows_read
            claims.finish_plan(connection, changes.plan, rows_read=rows, planned=planned.planned, now=now)
        return planned

    def _undone_unless_read(self, chunks: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Give the chunks; when one cannot be read, take back what was planned of those before it."""
        try:
            yield from chunks
        except Exception:  # drivers name a query that fails at some row as they name a connection that is lost
            if self._changes is not None:
                done = undo(self._ledger, self._changes)
                self._log.warning(
                    "The contacts query failed after %s: of the planned calls %d are taken back, and %d stay, "
                    "which a sender has taken",
                    counted(self._changes.rows_read, "row"),
                    done.taken_back,
                    done.kept,
                )
            raise

    def _begin(self, interval_key: str) -> UndoLog:
        with self._ledger.transaction() as connection:
            plan = claims.begin_plan(
                connection,
                campaign=self._rules.campaign,
                interval_key=interval_key,
                run_id=self._run_id,
                now=self._ledger.now(connection),
                scope=self._rules.scope,
                task=self._task,
            )
            self._planned_before = claims.planned_before(connection, plan)
        self._changes = UndoLog(plan)
        return self._changes

    def _plan_chunk(
        self, connection: Connection, changes: UndoLog, interval_key: str, chunk: pd.DataFrame, before: Planned
    ) -> Planned:
        plan = changes.plan
        any_reported = any_noted(connection)
        now = datetime.fromtimestamp(self._ledger.now(connection), UTC)
        cleaned = clean(chunk, self._columns)
        starts = StartTimes(self._rules.window, self._rules.start_at, now, self._rules.outside)
        drafts, rejects = drafts_of(cleaned.valid, starts, before.rows_read)
        rejects += invalid_rows(cleaned.invalid, before.rows_read)
        drafts, rejects, earlier = without_known(connection, plan, drafts, rejects)
        changes.note_seen(earlier)
        if self._rules.test_numbers:
            drafts = as_test_calls(connection, plan, drafts, self._rules.test_numbers)
        reported = 0
        if any_reported:
            drafts, rejects, reported = self._reported.claim(connection, plan, interval_key, drafts, rejects)
        drafts = self._follow_ups.apply(connection, drafts, rejects, now)
        drafts = self._suppression.apply(connection, drafts, rejects)
        drafts = self._frequency.apply(connection, plan, drafts, rejects)
        drafts = self._within_limits(connection, plan, drafts, rejects, before.admitted)
        encoded = self._encode(drafts, rejects, interval_key)
        admitted = len(encoded)
        if self._rules.dry_run:
            rejects += [each.draft.not_sent(self._rules.dry_run_reason) for each in encoded]
            encoded = []
        # A test run's results are the calls that it made: of contacts whom it did not call there is nothing to say.
        claims.add_rejects(connection, plan, [] if self._rules.test_numbers else rejects)
        batch_ids = self._freeze(connection, plan, encoded, now.timestamp())
        changes.batch_ids.extend(batch_ids)
        changes.rows_read += len(chunk)
        by_status = Counter(reject.status for reject in rejects)
        return replace(
            before,
            rows_read=before.rows_read + len(chunk),
            admitted=before.admitted + admitted,
            planned=before.planned + len(encoded),
            batches=before.batches + len(batch_ids),
            invalid=before.invalid + by_status[CallStatus.INVALID],
            suppressed=before.suppressed + by_status[CallStatus.SUPPRESSED],
            dry_run=before.dry_run + by_status[CallStatus.DRY_RUN],
            already_planned=before.already_planned + len(earlier),
            reported=before.reported + reported,
        )

    def _within_limits(
        self, connection: Connection, plan: Plan, drafts: list[Draft], rejects: list[Reject], admitted: int
    ) -> list[Draft]:
        """Keep the first drafts that ``max_calls`` of the interval and ``limit`` of the run leave room for."""
        rules = self._rules
        if rules.max_calls is not None:
            room = max(
                0, rules.max_calls - claims.count_claimed(connection, plan) - (admitted if rules.dry_run else 0)
            )
            rejects += [draft.suppressed("over max_calls") for draft in drafts[room:]]
            drafts = drafts[:room]
        if rules.limit is not None:
            room = max(0, rules.limit - self._planned_before - admitted)
            rejects += [draft.suppressed("over limit") for draft in drafts[room:]]
            drafts = drafts[:room]
        return drafts

    def _encode(self, drafts: Sequence[Draft], rejects: list[Reject], interval_key: str) -> list[_Encoded]:
        """Encode the calls, in the order they start; one that fits into no request is rejected."""
        drafts = sorted(drafts, key=attrgetter("start"))
        contact_ids = [draft.contact_id for draft in drafts]
        names = client_identifiers(self._rules.campaign, interval_key, contact_ids)
        variables = tuple(self._columns.variables)
        keys = [(name, [draft.variables[place] for draft in drafts]) for place, name in enumerate(variables)]
        correlation = self._rules.correlation_key
        if correlation is not None and correlation not in variables:
            keys.append((correlation, names))
        starts = {start: (encode_start_time(start), start.timestamp()) for start in {each.start for each in drafts}}
        start_times = [starts[draft.start][0] for draft in drafts]
        calls = encode_calls(names, start_times, [draft.numbers for draft in drafts], keys)
        new = map(
            NewCall,
            contact_ids,
            names,
            [draft.number_last4 for draft in drafts],
            [starts[draft.start][1] for draft in drafts],
            map(self._frequency.hashes_of, drafts),
        )
        encoded = list(map(_Encoded, drafts, new, calls))
        too_large = [each.draft for each in encoded if len(each.call) > MAX_CALL_BYTES]
        reason = f"call: larger than {MAX_CALL_BYTES} bytes"
        rejects += [Reject(each.row_number, each.contact_id, CallStatus.INVALID, reason) for each in too_large]
        return [each for each in encoded if len(each.call) <= MAX_CALL_BYTES] if too_large else encoded

    def _freeze(self, connection: Connection, plan: Plan, encoded: list[_Encoded], now: float) -> list[int]:
        """Cut the calls into batches and claim them; gives the batches' ids."""
        rules = self._rules
        new = [
            NewBatch(
                endpoint=rules.endpoint,
                api_version=rules.api_version,
                flow_id=rules.flow_id,
                frozen=freeze([each.call for each in batch]),
                not_after=last_sending_time(batch[0].draft.start).timestamp(),
                calls=[each.claim for each in batch],
            )
            for batch in _batches(encoded, rules.calls_per_batch)
        ]
        batch_ids = claims.add_batches(connection, plan, new, now)
        hold_doubted(connection, plan, batch_ids, now)
        return batch_ids

    def _tell(self, planned: Planned) -> None:
        self._log.info(
            "read %s: %s in %s planned, %d invalid, %d suppressed, %d planned by an earlier run",
            counted(planned.rows_read, "row"),
            counted(planned.planned, "call"),
            counted(planned.batches, "batch", "batches"),
            planned.invalid,
            planned.suppressed,
            planned.already_planned,
        )
        if planned.reported:
            self._log.info("In Phonon's report, and not placed again: %s", counted(planned.reported, "call"))


def _batches(encoded: list[_Encoded], calls_per_batch: int) -> Iterator[list[_Encoded]]:
    """Cut calls, in the order they start, into batches of one day each, the last one on which Phonon takes them.

    Calls of a later day would else expire with those of an earlier one.
    """
    last_time = cache(last_sending_time)
    for _, of_day in groupby(encoded, key=lambda each: last_time(each.draft.start)):
        calls = list(of_day)
        for part in cut([len(each.call) for each in calls], max_calls=calls_per_batch):
            yield calls[part]
