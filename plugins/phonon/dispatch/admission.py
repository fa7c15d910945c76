"""The last look at a batch before it is sent: whether it may still go, and with these bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phonon.api.request import encode_start_time, with_start_time
from phonon.api.verdict import Past
from phonon.calling_window import Outside
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.rules import SendingRules
from phonon.dispatch.settlement import give_up, hold, split
from phonon.ledger.outbox import Batch, Envelope, Outcome
from phonon.ledger.states import BatchState
from phonon.planning.start_times import earliest_start, last_sending_time

_START_TIME = re.compile(rb'"start-time":"([^"]+)"')
"""No text of a contact looks like this: the quotes inside it are escaped."""


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
    return _look_at_the_clock(envelope, rules, now, send_seconds)


def _look_at_the_clock(envelope: Envelope, rules: SendingRules, now: float, send_seconds: float) -> Admission:
    """Decide about a batch that may go, if only the window allows it."""
    batch = envelope.batch
    moments = _moments(batch, now)
    inside = [_stays_inside(moment, rules, now, send_seconds) for moment in moments]
    if all(inside):
        return Go(envelope) if _may_be_handed_over(rules, now, send_seconds) else Leave()
    if batch.past.may_be_accepted:
        return hold(batch, "the calling window closed while the outcome was unknown")
    drops = rules.outside is Outside.DROP
    if inside[0] or (drops and any(inside)):
        return split(batch, "some of its calls would start outside the calling hours")
    if drops:
        return give_up(batch, "its window has closed")
    return _next_window(batch, moments[0], rules, send_seconds)


def _moments(batch: Batch, now: float) -> list[datetime]:
    """When the calls of a batch that arrives at once start, in order: a start-time that is past dials at once."""
    found = {start.decode() for start in _START_TIME.findall(batch.frozen)}
    starts = {max(now, datetime.fromisoformat(each).timestamp()) for each in found}
    return [datetime.fromtimestamp(start, UTC) for start in sorted(starts)]


def _stays_inside(starts: datetime, rules: SendingRules, now: float, send_seconds: float) -> bool:
    """Whether a call starts inside the window, however late its batch arrives."""
    if starts.timestamp() > now + send_seconds:
        return rules.window.is_open(starts)
    return earliest_start(rules.window, starts, timedelta(seconds=send_seconds)) == starts


def _may_be_handed_over(rules: SendingRules, now: float, send_seconds: float) -> bool:
    """Whether Phonon may have a batch already: where calls wait for their window, only while that is open."""
    if rules.outside is not Outside.WAIT:
        return True
    return _stays_inside(datetime.fromtimestamp(now, UTC), rules, now, send_seconds)


def _next_window(batch: Batch, moment: datetime, rules: SendingRules, send_seconds: float) -> Move | Leave:
    if batch.past is not Past.FIRST:
        return Leave()
    start = earliest_start(rules.window, moment, timedelta(seconds=send_seconds))
    frozen = with_start_time(batch.frozen, encode_start_time(start), before=encode_start_time(start))
    return Move(batch, frozen, start.timestamp(), last_sending_time(start).timestamp())
