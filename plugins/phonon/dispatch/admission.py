"""The last look at a batch before it is sent: whether it may still go, and with these bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from phonon.api.request import encode_start_time, with_start_time
from phonon.api.verdict import Past
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.rules import SendingRules
from phonon.dispatch.settlement import give_up, hold, split
from phonon.ledger.outbox import Batch, Envelope, Outcome
from phonon.ledger.states import BatchState
from phonon.planning.start_times import earliest_start, last_sending_time, may_dial_at_once


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


def admit(envelope: Envelope, rules: SendingRules, now: float) -> Admission:  # noqa: PLR0911 - a list of guards
    """Decide about one batch at the time ``now``, seconds since the epoch."""
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
    at = datetime.fromtimestamp(now, UTC)
    if batch.starts_at > now or may_dial_at_once(rules.window, at):
        return Go(envelope)
    if batch.past.may_be_accepted:
        return hold(batch, "the calling window closed while the outcome was unknown")
    return _next_window(batch, rules, at)


def _next_window(batch: Batch, rules: SendingRules, at: datetime) -> Move | Leave:
    if batch.past is not Past.FIRST:
        return Leave()
    start = earliest_start(rules.window, at)
    frozen = with_start_time(batch.frozen, encode_start_time(start), before=encode_start_time(start))
    return Move(batch, frozen, start.timestamp(), last_sending_time(start).timestamp())
