"""The books after a schedule: what Phonon accepted, what the ledger says, and the contract's invariants."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from phonon.ledger.report import result_rows, totals
from phonon.ledger.run_counts import counts_of_runs, totals_of
from phonon.ledger.schema import batches, calls, intervals, sends
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.planning.identity import client_identifier

if TYPE_CHECKING:
    from simulation.story import Campaign
    from simulation.wire import Wire

_MAY_BE_ACCEPTED = {"accepted", "accepted_earlier", "held"}


class Books:
    """Holds what Phonon accepted against the ledger and the results."""

    def __init__(self, ledger: Ledger, wire: Wire, campaigns: dict[str, Campaign]) -> None:
        self._ledger = ledger
        self._wire = wire
        self._campaigns = campaigns
        self._intervals: dict[tuple[str, str], int] = {}

    def check_now(self) -> list[dict[str, Any]]:
        """What holds at every moment; gives the results that were looked at."""
        accepted = Counter(call.client_identifier for call in self._wire.phonon.accepted())
        twice = [name for name, times in accepted.items() if times > 1]
        assert not twice, f"called twice: {twice}"
        rows = self._rows()
        for row in rows:
            name, status = row.get("client_identifier"), row["status"]
            if name in accepted:
                assert status in _MAY_BE_ACCEPTED, f"{row['contact_id']} was accepted and is shown as {status}"
            elif status == "accepted" and name not in self._wire.said_yes:
                raise AssertionError(f"{row['contact_id']} is shown as accepted and was not")
        self._check_ledger()
        return rows

    def check_end(self, limit: int, *, clock_was_wrong: bool, happened: Counter[str]) -> None:
        """What holds once everything has ended and been run again in calm weather."""
        shown: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in self.check_now():
            shown[row["campaign"], row["interval_key"]].append(row["contact_id"])
            happened[row["status"]] += 1
            assert row["status"] != "pending", f"{row['contact_id']} is pending for ever"
        for campaign in self._campaigns.values():
            for key, contacts in campaign.contacts.items():
                assert sorted(shown[campaign.name, key]) == sorted(contacts), (
                    f"lost or doubled: {campaign.name} {key}"
                )
        if not clock_was_wrong:
            self._check_limit(limit)
            self._check_window()

    def check_run_limits(self, limits: Mapping[str, int]) -> None:
        """No run has sent more calls of an interval than it may, in all its tries and by all its senders."""
        with self._ledger.transaction(read_only=True) as connection:
            parents = dict(connection.execute(select(batches.c.id, batches.c.parent_id)).all())
            sent = {(row.batch_id, row.run_id) for row in connection.execute(select(sends))}
            found = connection.execute(select(calls.c.interval_id, calls.c.batch_id)).all()
        counted: Counter[tuple[int, str]] = Counter()
        for interval_id, batch_id in found:
            lineage = list(_lineage(batch_id, parents))
            counted.update((interval_id, run) for run in limits if any((each, run) in sent for each in lineage))
        for (interval_id, run_id), times in counted.items():
            assert times <= limits[run_id], f"{run_id} has sent {times} calls of interval {interval_id}"

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for campaign in self._campaigns.values():
            for key in campaign.intervals:
                with self._ledger.transaction(read_only=True) as connection:
                    if (campaign.name, key) not in self._intervals:
                        self._intervals |= _intervals(connection)
                    interval_id = self._intervals.get((campaign.name, key))
                    if interval_id is None:
                        continue  # nothing is planned yet
                    counted = totals(connection, interval_id)
                    assert totals_of(counts_of_runs(connection, interval_id)) == counted
                found = [row for chunk in result_rows(self._ledger, interval_id, chunk_rows=100) for row in chunk]
                assert Counter(row["status"] for row in found) == Counter(counted.by_status)
                rows += found
        return rows

    def _check_ledger(self) -> None:
        """Every call is in one batch, and the batch's count says so."""
        with self._ledger.transaction(read_only=True) as connection:
            held = dict(connection.execute(select(calls.c.batch_id, func.count()).group_by(calls.c.batch_id)).all())
            rows = connection.execute(select(batches.c.id, batches.c.calls, batches.c.state)).all()
        assert {row.id: row.calls for row in rows if row.calls} == held
        assert not [row for row in rows if row.state == BatchState.SPLIT and row.calls]

    def _check_limit(self, limit: int) -> None:
        received = [each for each in self._wire.received if not each.lapsed]
        for endpoint, account in {(each.endpoint, each.account) for each in received}:
            arrivals = [each for each in received if (each.endpoint, each.account) == (endpoint, account)]
            first = total = 0
            for each in arrivals:
                total += each.calls
                while arrivals[first].at <= each.at - 60.0:
                    total -= arrivals[first].calls
                    first += 1
                assert total <= limit, f"{total} calls in 60 s at {endpoint}, the limit is {limit}"

    def _check_window(self) -> None:
        lapsed = {each.at for each in self._wire.received if each.lapsed}
        windows = {
            client_identifier(campaign.name, key, contact): campaign.window
            for campaign in self._campaigns.values()
            for key, contacts in campaign.contacts.items()
            for contact in contacts
        }
        for call in self._wire.phonon.accepted():
            if call.received_at.timestamp() in lapsed:
                continue
            window = windows[call.client_identifier]
            assert window.is_open(call.dials_at), f"{call.client_identifier} dials at {call.dials_at}"


def _lineage(batch_id: int | None, parents: Mapping[int, int | None]) -> Iterator[int]:
    """A batch, the one that it was a part of, and so on."""
    while batch_id is not None:
        yield batch_id
        batch_id = parents[batch_id]


def _intervals(connection: Connection) -> dict[tuple[str, str], int]:
    return {(row.campaign, row.interval_key): row.id for row in connection.execute(select(intervals))}
