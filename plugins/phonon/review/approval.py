"""Whether a person has to approve what a run is about to send, and what becomes of the answer.

The ledger holds the answers, so that no way of sending leads past the question: whoever sends asks here first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import Connection

from phonon.errors import ConfigurationError
from phonon.ledger.approvals import (
    PastInterval,
    Unsent,
    approve,
    approved_calls,
    claimed,
    note_decision,
    past_intervals,
    rejection,
    unsent,
    unsent_calls,
)
from phonon.ledger.reasons import reasons_not_called, rows_read_of
from phonon.ledger.settlements import Decision
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import withdraw_unsent
from phonon.review.desk import Person

LEAST_UNUSUAL = 1_000
"""Fewer calls than this are never unusual: small campaigns vary, and do little harm."""

_LEAST_PAST = 3
_MOST_PAST = 10


@dataclass(frozen=True)
class ApprovalRule:
    """When to ask. ``above``: calls; ``unusual``: times the median of the campaign's last intervals."""

    above: int | None = None
    unusual: int | None = None

    def why(self, calls: int, past: Sequence[PastInterval]) -> str:
        """Say why a person has to approve so many calls; empty if nobody has to."""
        if self.above is not None and calls > self.above:
            return f"The run would send {calls:,} calls, and more than {self.above:,} have to be approved."
        if self.unusual is None or calls < LEAST_UNUSUAL or len(past) < _LEAST_PAST:
            return ""
        usual = median(each.calls for each in past)
        if calls <= self.unusual * usual:
            return ""
        return (
            f"The run would send {calls:,} calls, {calls / usual:,.1f} times the usual: the campaign's last "
            f"{len(past)} intervals had {usual:,.0f} (median)."
        )


@dataclass(frozen=True)
class Question:
    """What a person is asked: why, and about what."""

    why: str
    unsent: Unsent
    past: Sequence[PastInterval]
    rows_read: int
    """Rows that the contacts query returned."""
    reasons: Mapping[str, int]
    """Why people among them are not called, with how many each, the most common first."""
    asked_at: datetime


class ApprovalNeededError(ConfigurationError):
    """Nothing is sent before a person has approved it."""

    def __init__(self, question: Question) -> None:
        self.question = question
        super().__init__(
            f"{question.why} Nothing was sent. Approve in the Airflow UI (Browse > Required Actions), for which "
            "clear the task approve of the campaign's run, or the one that sends where there is none; or start a "
            "run with the parameter approve."
        )


class RejectedError(ConfigurationError):
    """A person, or the time that was to wait for one, has rejected what a run would have sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The run was {reason}. Nothing of it was sent, and its planned calls were taken back. To call after "
            "all, run the interval again from extract_and_batch on: its contacts are planned anew, and somebody is "
            "asked again."
        )


class ApprovalDesk:
    """The approvals of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def question(self, interval_id: int, rule: ApprovalRule) -> Question | None:
        """What a person has to be asked before anything of an interval is sent; None if nothing."""
        with self._ledger.transaction(read_only=True) as connection:
            why, past = _why(connection, interval_id, rule)
            if not why:
                return None
            return Question(
                why,
                unsent(connection, interval_id),
                past,
                rows_read_of(connection, interval_id),
                reasons_not_called(connection, interval_id),
                datetime.fromtimestamp(self._ledger.now(connection), UTC),
            )

    def rejection(self, interval_id: int) -> str | None:
        """Why an interval has nothing to send: it was rejected, and not planned anew since."""
        with self._ledger.transaction(read_only=True) as connection:
            return rejection(connection, interval_id)

    def approve(self, interval_id: int, calls: int, person: Person, note: str) -> None:
        """Let an interval's calls be sent as long as no more than ``calls`` are claimed in it."""
        with self._ledger.transaction() as connection:
            decision = Decision(person.name, note, person.run_id, self._ledger.now(connection))
            approve(connection, interval_id, calls, decision)

    def reject(self, interval_id: int, person: Person, reason: str) -> int:
        """Take back what was not sent, with the reason; gives how many calls.

        A corrected query can plan the contacts again. Done twice, for instance after a crash, it does the rest.
        """
        with self._ledger.transaction() as connection:
            decision = Decision(person.name, reason, person.run_id, self._ledger.now(connection))
            note_decision(connection, interval_id, "reject", unsent_calls(connection, interval_id), decision)
        return withdraw_unsent(self._ledger, decision, interval_id, reason=reason)


def _why(connection: Connection, interval_id: int, rule: ApprovalRule) -> tuple[str, Sequence[PastInterval]]:
    calls = unsent_calls(connection, interval_id)
    if not calls or rule == ApprovalRule():
        return "", ()
    past = past_intervals(connection, interval_id, most=_MOST_PAST)
    why = rule.why(calls, past)
    if why and approved_calls(connection, interval_id) >= claimed(connection, interval_id):
        return "", past
    return why, past
