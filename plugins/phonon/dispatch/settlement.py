"""From an answer to what the ledger records of the batch: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from phonon.api.answer import Answer
from phonon.api.endpoints import Endpoint
from phonon.api.request import freeze_objects, thaw
from phonon.api.transport import Exchange, NotSent
from phonon.api.verdict import Kind, Past, Verdict, classify
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.rules import SendingRules, backoff
from phonon.ledger.outbox import Answered, Batch, Child, Outcome
from phonon.ledger.states import BatchState
from phonon.planning.start_times import last_sending_time


@dataclass(frozen=True)
class Settlement:
    """What is recorded, and what the sender itself has to know."""

    outcome: Outcome
    kind: Kind | None
    """None when nothing was sent."""
    retry_after: float | None = None


def settle(batch: Batch, exchange: Exchange, rules: SendingRules, now: float) -> Settlement:
    """Decide what becomes of a batch that was taken as ``batch`` and then sent."""
    if isinstance(exchange, NotSent):
        answered = Answered(sent=False, outcome=f"not sent: {exchange.error}")
        return Settlement(_open_again(batch, batch.past, answered, exchange.error, batch.attempts, 0.0), None)
    answer = exchange if isinstance(exchange, Answer) else None
    verdict = classify(batch.endpoint, batch.past, answer)
    reason = verdict.reason if answer else f"{verdict.reason}: {getattr(exchange, 'error', '')}"
    outcome = _outcome(batch, verdict, reason, answer, rules, now)
    return Settlement(outcome, verdict.kind, answer.retry_after if answer else None)


def give_up(batch: Batch, reason: str) -> Outcome:
    """Settle a batch that will not be sent any more, without sending it."""
    state = BatchState.HELD if batch.past.may_be_accepted else BatchState.EXPIRED
    return Outcome(batch, state, batch.past, reason, batch.attempts)


def hold(batch: Batch, reason: str) -> Outcome:
    """Hold a batch without sending it."""
    return Outcome(batch, BatchState.HELD, batch.past, reason, batch.attempts)


def split(batch: Batch, reason: str, answered: Answered | None = None, *, first: int | None = None) -> Outcome:
    """Replace a batch that was refused whole, or never sent, by its halves, or its ``first`` calls and the rest."""
    calls = thaw(batch.frozen)
    middle = (len(calls) + 1) // 2 if first is None else first
    children = [_half(half) for half in (calls[:middle], calls[middle:])]
    attempts = batch.attempts + (1 if answered else 0)
    return Outcome(batch, BatchState.SPLIT, batch.past, reason, attempts, answered, children=children)


def _half(calls: list[dict[str, Any]]) -> Child:
    """Some calls of a batch that was refused whole or never sent, with the day on which they can go."""
    starts = min(datetime.fromisoformat(call["start-time"]) for call in calls)
    return Child(
        freeze_objects(calls),
        [call["client-identifier"] for call in calls],
        BatchState.PENDING,
        Past.FIRST,
        starts_at=starts.timestamp(),
        not_after=last_sending_time(starts).timestamp(),
    )


def _outcome(  # noqa: C901, PLR0911 - a table: one line a kind
    batch: Batch, verdict: Verdict, reason: str, answer: Answer | None, rules: SendingRules, now: float
) -> Outcome:
    answered = _answered(verdict, answer)
    attempts = batch.attempts + 1
    match verdict.kind:
        case Kind.ACCEPTED | Kind.PARTIAL:
            return _accepted(batch, verdict, reason, answered)
        case Kind.ACCEPTED_EARLIER:
            return Outcome(batch, BatchState.ACCEPTED_EARLIER, verdict.past, reason, attempts, answered)
        case Kind.SPLIT if batch.calls > 1:
            return split(batch, reason, answered)
        case Kind.SPLIT:
            return Outcome(batch, BatchState.REFUSED, verdict.past, reason, attempts, answered)
        case Kind.THROTTLED:
            return _open_again(batch, verdict.past, answered, reason, batch.attempts, now + backoff(1))
        case Kind.AGAIN if attempts < rules.max_attempts:
            return _open_again(batch, verdict.past, answered, reason, attempts, now + backoff(attempts))
        case Kind.AGAIN:
            state = BatchState.HELD if verdict.past.has_silence else BatchState.REFUSED
            return Outcome(batch, state, verdict.past, reason, attempts, answered)
        case Kind.UNKNOWN if (
            rules.on_unknown[batch.endpoint] is UnknownPolicy.RESEND and attempts < rules.max_attempts
        ):
            not_before = now + backoff(attempts)
            return Outcome(batch, BatchState.UNKNOWN, verdict.past, reason, attempts, answered, not_before)
        case Kind.TOP_UP | Kind.FIX_CONFIGURATION:
            # No try of this batch: what is wrong has nothing to do with it, and a person mends it.
            return _open_again(batch, verdict.past, answered, reason, batch.attempts, 0.0)
        case Kind.UNKNOWN | Kind.HELD:
            return Outcome(batch, BatchState.HELD, verdict.past, reason, attempts, answered)


def _answered(verdict: Verdict, answer: Answer | None) -> Answered:
    if answer is None:
        return Answered(sent=True, outcome=verdict.kind.value)
    return Answered(
        sent=True,
        outcome=verdict.kind.value,
        http_status=answer.http_status,
        code=None if answer.code is None else answer.code.value,
        message=answer.message,
        request_id=answer.request_id,
        phonon_uuids=answer.phonon_uuids,
    )


def _open_again(
    batch: Batch, past: Past, answered: Answered, reason: str, attempts: int, not_before: float
) -> Outcome:
    """Leave a batch to be sent again: freely when all was refused, as unknown if ``on_unknown`` decides."""
    # Only real time is sure to refuse bytes that it answered with a failure and accepted all the same.
    unknown = past.has_silence or (past.may_be_accepted and batch.endpoint is not Endpoint.REALTIME)
    state = BatchState.UNKNOWN if unknown else BatchState.PENDING
    return Outcome(batch, state, past, reason, attempts, answered, not_before)


def _accepted(batch: Batch, verdict: Verdict, reason: str, answered: Answered) -> Outcome:
    """Accept the calls that the answer lists; of those it leaves out nothing is known.

    A plain success without a list, as bulk gives it, speaks of all its calls.
    """
    attempts = batch.attempts + 1
    listed = answered.phonon_uuids or {}
    if verdict.kind is Kind.ACCEPTED and not listed:
        return Outcome(batch, BatchState.ACCEPTED, verdict.past, None, attempts, answered)
    calls = thaw(batch.frozen)
    unlisted = [call for call in calls if call["client-identifier"] not in listed]
    if not unlisted:
        return Outcome(batch, BatchState.ACCEPTED, verdict.past, None, attempts, answered)
    past = batch.past.after_silence()
    reason = f"{reason}; not listed among the accepted calls"
    if len(unlisted) == len(calls):
        return Outcome(batch, BatchState.HELD, past, reason, attempts, answered)
    identifiers = [call["client-identifier"] for call in unlisted]
    child = Child(freeze_objects(unlisted), identifiers, BatchState.HELD, past, reason)
    return Outcome(batch, BatchState.ACCEPTED, verdict.past, None, attempts, answered, children=[child])
