"""The last look at a batch before it is sent: whether it may still go, and with these bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phonon.api.request import encode_start_time, with_start_time
from phonon.api.verdict import Past
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.rules import SendingRules
from phonon.dispatch.settlement import give_up, hold, split
from phonon.ledger.outbox import Batch, Envelope, Outcome
from phonon.ledger.states import BatchState
from phonon.planning.start_times import earliest_start, last_sending_time


@dataclass(frozen=True)
class Go:
    """It may be sent now."""

    envelope: Envelope


@dataclass(frozen=True)
class Leave:
    """It stays as it is for the rest of this run."""


@dataclass(frozen=True)
class Move:
    """It was certainly never sent and its window has closed: its calls start in the next one."""

    batch: Batch
    frozen: bytes
    starts_at: float
    not_after: float


Admission = Go | Leave | Move | Outcome


def admit(  # noqa: PLR0911 - a list of guards
    envelope: Envelope, rules: SendingRules, now: float, *, send_seconds: float
) -> Admission:
    """Decide about one batch at the time ``now``, seconds since the epoch.

    :param send_seconds: from ``now`` to the latest moment at which what is sent can still arrive.
    """
    batch = envelope.batch
    limit = rules.limits[batch.endpoint]
    if batch.state is BatchState.UNKNOWN and rules.on_unknown[batch.endpoint] is UnknownPolicy.HOLD:
        return hold(batch, "the outcome of an earlier send is unknown")
    if batch.state is BatchState.UNKNOWN and batch.attempts >= rules.max_attempts:
        return hold(batch, f"the outcome is unknown after {batch.attempts} sends")
    if now > batch.not_after:
        return give_up(batch, "its day has passed")
    if batch.past.may_be_accepted and batch.body_sha256 != envelope.body_sha256:
        return hold(batch, "the security-id has changed since an unanswered send, so the bytes would differ")
    if limit.weight(batch.calls) > limit.per_minute:
        # Only possible when the limit was lowered after the batch was planned.
        if batch.past.may_be_accepted:
            return hold(batch, "the batch is larger than the limit of a minute")
        return split(batch, "the batch is larger than the limit of a minute")
    if _starts_inside(batch, rules, now, send_seconds):
        return Go(envelope)
    if batch.past.may_be_accepted:
        return hold(batch, "the calling window closed while the outcome was unknown")
    return _next_window(batch, rules, now, send_seconds)


def _starts_inside(batch: Batch, rules: SendingRules, now: float, send_seconds: float) -> bool:
    """Whether the first call starts inside the window, however late the batch arrives."""
    starts = _starts(batch, now)
    if batch.starts_at > now + send_seconds:
        return rules.window.is_open(starts)
    return earliest_start(rules.window, starts, timedelta(seconds=send_seconds)) == starts


def _next_window(batch: Batch, rules: SendingRules, now: float, send_seconds: float) -> Move | Leave:
    if batch.past is not Past.FIRST:
        return Leave()
    start = earliest_start(rules.window, _starts(batch, now), timedelta(seconds=send_seconds))
    frozen = with_start_time(batch.frozen, encode_start_time(start), before=encode_start_time(start))
    return Move(batch, frozen, start.timestamp(), last_sending_time(start).timestamp())


def _starts(batch: Batch, now: float) -> datetime:
    """When the first call of a batch that arrives at once starts: a start-time that is past dials at once."""
    return datetime.fromtimestamp(max(now, batch.starts_at), UTC)
