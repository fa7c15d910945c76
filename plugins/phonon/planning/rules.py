"""What a campaign plans by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from phonon.api.endpoints import MAX_CALLS, Endpoint
from phonon.calling_window import CallingWindow, Outside
from phonon.ledger.states import CallStatus


@dataclass(frozen=True)
class PerNumber:
    """At most ``calls`` calls to one number in ``days`` calendar days of the calling window's time zone.

    Counted are the campaign's own calls, or those of all campaigns that name the same ``group``.
    """

    calls: int = 1
    days: int = 1
    group: str | None = None


@dataclass(frozen=True)
class FollowUpRule:
    """Only contacts are called whose latest call in the campaign ``of`` came to one of ``statuses``."""

    of: str
    statuses: frozenset[CallStatus]
    codes: frozenset[int] = frozenset()
    """Of the refused ones only those with these response codes; empty for all."""
    at_most: int = 1
    """Calls after the one that is followed up."""
    apart: timedelta = timedelta(days=1)
    """From one call to the next, the followed one included."""
    within: timedelta = timedelta(days=7)
    """From the followed call to the last that follows it."""


@dataclass(frozen=True)
class PlanningRules:
    """How contacts of one campaign become calls."""

    campaign: str
    flow_id: str
    endpoint: Endpoint
    api_version: str
    window: CallingWindow
    outside: Outside = Outside.NEXT_WINDOW
    """What becomes of a call whose moment is outside the window."""
    start_at: time | None = None
    """Time of day at which the calls start; None is now, or the time in the contacts' ``start_at`` column."""
    per_number: PerNumber | None = PerNumber()
    follow_up: FollowUpRule | None = None
    max_calls: int | None = None
    """Calls of one interval, all its runs together."""
    correlation_key: str | None = "ClientIdentifier"
    """Flow variable that carries the client-identifier, since the outcome of a call comes back without it."""
    calls_per_batch: int = MAX_CALLS
    limit: int | None = None
    """Calls of this run."""
    dry_run: bool = False
    dry_run_reason: str = "dry run"
    test_numbers: Sequence[str] = ()
    """Called instead of the contacts, one call each."""

    @property
    def scope(self) -> str:
        """What the frequency limit counts by."""
        return scope_of(self.campaign, self.per_number.group if self.per_number else None)


def scope_of(campaign: str, group: str | None) -> str:
    """What a frequency limit counts by. No campaign's name has a colon, so none is taken for a group."""
    return campaign if group is None else f"group:{group}"


def calls_per_batch(per_minute: int, *, counts_requests: bool) -> int:
    """How many calls a batch should hold, at most, for a limit: a second's worth, and at most 500.

    Batches that are small against the limit fill a minute without a gap; with the limit of 30,000 they
    have 500 calls.
    """
    return MAX_CALLS if counts_requests else min(MAX_CALLS, max(1, per_minute // 60))
