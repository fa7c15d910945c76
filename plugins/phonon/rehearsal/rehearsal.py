"""Planning a campaign's calls with the real planner, in a copy of the ledger: nobody is called or claimed."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from logging import Logger

from sqlalchemy import Connection, func, select

from phonon.api.connection import ConnectionSettings
from phonon.api.request import Envelope
from phonon.campaign.job import CampaignJob
from phonon.campaign.model import Campaign
from phonon.campaign.problems import masked
from phonon.ledger.claims import Reject
from phonon.ledger.report import totals
from phonon.ledger.schema import batches, calls, rejects
from phonon.ledger.states import BatchState, CallStatus
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planned
from phonon.rehearsal.ledger_copy import copied
from phonon.rehearsal.masking import masked_body
from phonon.rehearsal.occasion import Occasion
from phonon.rehearsal.outlook import Outlook, sizes_of, windows_of
from phonon.rehearsal.preview import OVER_LIMIT, Preview
from phonon.rehearsal.reading import ReadWarehouse
from phonon.rehearsal.templates import rendered
from phonon.warehouse.warehouse import Warehouse

_PREVIEW_ROWS = 500


@dataclass(frozen=True)
class Rehearsal:
    """One campaign, and a run of it that is not made.

    :param ledger: read for what was planned and called before, and for the do-not-call list; None if there is none.
    """

    campaign: Campaign
    occasion: Occasion
    settings: ConnectionSettings
    warehouse: Warehouse
    ledger: Ledger | None
    log: Logger

    def outlook(self) -> Outlook:
        """Plan the whole run, and say what came of it."""
        with copied(self.ledger, self.campaign) as copy:
            planned = self._plan(copy, ReadWarehouse(self.warehouse), limit=None)
            with copy.transaction(read_only=True) as connection:
                return self._outlook(connection, planned)

    def preview(self, limit: int) -> Preview:
        """Plan until ``limit`` calls are there, and give the requests that they would be sent in, masked."""
        with copied(self.ledger, self.campaign) as copy:
            warehouse = ReadWarehouse(
                self.warehouse, most_rows=_PREVIEW_ROWS, enough=lambda: self._calls(copy) >= limit
            )
            planned = self._plan(copy, warehouse, limit=limit)
            with copy.transaction(read_only=True) as connection:
                bodies = [masked_body(body) for body in self._bodies(connection)]
                left_out = [row for row in self._rejects(connection) if row.reason != OVER_LIMIT]
        return Preview(planned.rows_read, planned.already_planned, bodies, left_out)

    def _plan(self, copy: Ledger, warehouse: ReadWarehouse, *, limit: int | None) -> Planned:
        campaign = self.campaign
        sql = rendered(campaign, "contacts", campaign.contacts_sql, self.occasion)
        suppress = campaign.suppress_sql
        if suppress is not None:
            suppress = rendered(campaign, "suppress", suppress, self.occasion)
        job = CampaignJob(campaign, self.occasion.run(limit), ledger=copy, warehouse=warehouse, log=self.log)
        return job.extract_and_batch(sql, self.settings, suppress=suppress)

    def _outlook(self, connection: Connection, planned: Planned) -> Outlook:
        campaign, settings = self.campaign, self.settings
        starts = connection.execute(
            select(calls.c.starts_at, func.count())
            .join(batches, batches.c.id == calls.c.batch_id)
            .where(batches.c.run_id == self.occasion.run_id, batches.c.state == BatchState.PENDING)
            .group_by(calls.c.starts_at)
        )
        reasons: dict[CallStatus, Counter[str]] = {status: Counter() for status in CallStatus}
        for status, reason, count in connection.execute(
            select(rejects.c.status, rejects.c.reason, func.count()).group_by(rejects.c.status, rejects.c.reason)
        ):
            reasons[CallStatus(status)][reason] += count
        waiting = totals(connection, planned.interval_id).by_status.get(CallStatus.PENDING, 0)
        return Outlook(
            campaign=campaign.name,
            interval_key=self.occasion.interval_key,
            endpoint=campaign.endpoint,
            rows_read=planned.rows_read,
            calls=planned.planned,
            already_planned=planned.already_planned,
            still_pending=waiting - planned.planned,
            reported=planned.reported,
            invalid=reasons[CallStatus.INVALID],
            suppressed=reasons[CallStatus.SUPPRESSED],
            sizes=sizes_of(len(body) for body in self._bodies(connection)),
            windows=windows_of(campaign.calling_window, [(start, count) for start, count in starts]),
            per_minute=settings.per_minute[campaign.endpoint],
            counts_requests=settings.counts_requests,
        )

    def _bodies(self, connection: Connection) -> Iterator[bytes]:
        """The bodies of the requests that the run would send, in their order."""
        rows = connection.execute(
            select(batches.c.frozen, batches.c.api_version, batches.c.flow_id)
            .where(batches.c.run_id == self.occasion.run_id, batches.c.state == BatchState.PENDING)
            .order_by(batches.c.id)
        )
        for row in rows:
            envelope = Envelope(row.api_version, self.settings.security_id, row.flow_id)
            yield envelope.around(zlib.decompress(row.frozen))

    def _calls(self, copy: Ledger) -> int:
        with copy.transaction(read_only=True) as connection:
            count: int = connection.execute(
                select(func.coalesce(func.sum(batches.c.calls), 0)).where(
                    batches.c.run_id == self.occasion.run_id, batches.c.state == BatchState.PENDING
                )
            ).scalar_one()
        return count

    def _rejects(self, connection: Connection) -> list[Reject]:
        """What is not called of the rows that were read, in their order; contact ids that may be numbers masked."""
        rows = connection.execute(select(rejects).order_by(rejects.c.row_number))
        return [
            Reject(
                row.row_number,
                None if row.contact_id is None else masked(row.contact_id),
                CallStatus(row.status),
                row.reason,
            )
            for row in rows
        ]
