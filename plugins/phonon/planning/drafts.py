"""Contacts on their way to a call, and those that the interval knows already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from phonon.contacts.cleaning import CONTACT_ID_REPEATED, BadRow, Contact
from phonon.ledger.claims import Plan, Reject, claimed_contacts, rejected_contacts, see_again
from phonon.ledger.states import CallStatus
from phonon.planning.start_times import NotATimeError, StartTimes

OUTSIDE_HOURS = "outside the calling hours"
"""Reason for a call that the campaign does not make, because its moment is outside the window."""


class Draft(NamedTuple):
    """A clean contact with the start of its call. ``variables`` in the order of the campaign's.

    A tuple, as there is one for each contact, and it is quickly made.
    """

    row_number: int
    contact_id: str
    numbers: list[str]
    start: datetime
    variables: tuple[str, ...]
    dropped: bool = False
    """Its moment is outside the hours, and the campaign drops such calls."""

    @property
    def number_last4(self) -> str:
        """What is kept of the first number."""
        return self.numbers[0][-4:]

    def suppressed(self, reason: str) -> Reject:
        """Reject the contact because a rule forbids the call."""
        return Reject(self.row_number, self.contact_id, CallStatus.SUPPRESSED, reason, self.number_last4)

    def not_sent(self, reason: str) -> Reject:
        """Note that every rule lets the call through and that its run sends nothing, and why."""
        return Reject(self.row_number, self.contact_id, CallStatus.DRY_RUN, reason, self.number_last4)


def drafts_of(contacts: Sequence[Contact], starts: StartTimes, first_row: int) -> tuple[list[Draft], list[Reject]]:
    """Make drafts of the contacts of a chunk that begins at ``first_row`` of the query."""
    drafts, rejects = [], []
    for row, contact_id, numbers, asked, variables in contacts:
        try:
            start = starts.of(asked)
        except NotATimeError as error:
            rejects.append(Reject(first_row + row, contact_id, CallStatus.INVALID, f"start_at: {error}"))
        else:
            drafts.append(Draft(first_row + row, contact_id, numbers, start.at, variables, start.dropped))
    return drafts, rejects


def invalid_rows(rows: Sequence[BadRow], first_row: int) -> list[Reject]:
    """The invalid rows of a chunk that begins at ``first_row`` of the query."""
    return [Reject(first_row + row, contact_id, CallStatus.INVALID, reason) for row, contact_id, reason in rows]


def without_known(
    connection: Connection, plan: Plan, drafts: Sequence[Draft], rejects: Sequence[Reject]
) -> tuple[list[Draft], list[Reject], Mapping[str, int]]:
    """Take out the contacts that the interval knows; gives what is left of both, and who was claimed earlier.

    Those each with the newest plan that had seen them until now.

    Only then those that are dropped are rejected: what is known or repeated is that, whatever the hour.

    Known by an earlier chunk of this query: repeated. Claimed by an earlier run: left as that run planned it,
    even if the row is bad by now.
    """
    contact_ids = [draft.contact_id for draft in drafts]
    contact_ids += [reject.contact_id for reject in rejects if reject.contact_id is not None]
    claimed = claimed_contacts(connection, plan, contact_ids)
    rejected = rejected_contacts(connection, plan, contact_ids)
    earlier = {contact_id: plan_id for contact_id, plan_id in claimed.items() if plan_id != plan.id}
    in_this_query = rejected | (claimed.keys() - earlier.keys())
    left = [
        reject for reject in rejects if reject.reason == CONTACT_ID_REPEATED or reject.contact_id not in earlier
    ]
    fresh = []
    for draft in drafts:
        if draft.contact_id in in_this_query:
            left.append(Reject(draft.row_number, draft.contact_id, CallStatus.INVALID, CONTACT_ID_REPEATED))
        elif draft.contact_id not in earlier and draft.dropped:
            left.append(draft.suppressed(OUTSIDE_HOURS))
        elif draft.contact_id not in earlier:
            fresh.append(draft)
    see_again(connection, plan, sorted(earlier))
    return fresh, left, earlier
