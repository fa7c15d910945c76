"""The states of a batch, and what each looks like in the results table."""

from __future__ import annotations

from enum import StrEnum

from phonon.api.verdict import Past


class BatchState(StrEnum):
    """Where a frozen batch stands. Every call is in exactly one batch, so this is the state of its calls too."""

    PENDING = "pending"
    """May be sent: never was, or every send was refused as a whole."""
    SENDING = "sending"
    """Committed before the first byte is written; found after a crash it means unknown, never "not sent"."""
    UNKNOWN = "unknown"
    """Sent, outcome unknown; only the same bytes may follow."""
    ACCEPTED = "accepted"
    ACCEPTED_EARLIER = "accepted_earlier"
    REFUSED = "refused"
    HELD = "held"
    """Sent, outcome unknown, and nothing more is sent: waits for evidence or a person."""
    EXPIRED = "expired"
    SPLIT = "split"
    """Refused whole and replaced by smaller batches; holds no calls any more."""
    RELEASED = "released"
    """Was held, and a person released it: its calls are in a new batch, it holds none any more."""
    CLOSED = "closed"
    """Was held, and a person decided that nothing more is done. Phonon may have accepted it all the same."""


SETTLED = frozenset(
    {
        BatchState.ACCEPTED,
        BatchState.ACCEPTED_EARLIER,
        BatchState.REFUSED,
        BatchState.EXPIRED,
        BatchState.SPLIT,
        BatchState.RELEASED,
        BatchState.CLOSED,
    }
)
"""States that nothing changes any more."""

WITHOUT_CALLS = frozenset({BatchState.SPLIT, BatchState.RELEASED})
"""States of batches whose calls are all in others."""


class CallStatus(StrEnum):
    """The ``status`` column of the results table (contract, "The results table")."""

    ACCEPTED = "accepted"
    ACCEPTED_EARLIER = "accepted_earlier"
    REFUSED = "refused"
    INVALID = "invalid"
    SUPPRESSED = "suppressed"
    DRY_RUN = "dry_run"
    """Would have been called, by a run that sends nothing; ``reason`` says why it does not."""
    HELD = "held"
    PENDING = "pending"
    EXPIRED = "expired"


def call_status(state: BatchState, past: Past) -> CallStatus:
    """What a call of a batch in that state is shown as.

    A batch of which Phonon may have accepted calls is never shown as pending, and one that was closed stays held.
    """
    if state in {BatchState.SENDING, BatchState.UNKNOWN, BatchState.CLOSED}:
        return CallStatus.HELD
    if state is BatchState.PENDING and past.may_be_accepted:
        return CallStatus.HELD
    return CallStatus(state.value)
