"""Contacts whose calls the ledger had lost and a report of Phonon's has: claimed as accepted, never sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from phonon.api.endpoints import MAX_CALLS
from phonon.api.request import encode_call, encode_start_time, freeze
from phonon.contacts.cleaning import CONTACT_ID_REPEATED
from phonon.ledger.claims import KnownAnswer, NewBatch, NewCall, Plan, Reject, add_batch, claimed_contacts
from phonon.ledger.known_calls import KnownCall, noted
from phonon.ledger.store import Ledger
from phonon.planning.drafts import Draft
from phonon.planning.identity import client_identifier
from phonon.planning.rules import PlanningRules
from phonon.planning.start_times import last_sending_time


class ReportedCalls:
    """Takes out the contacts whose calls are known, before any rule could say something else of them."""

    def __init__(self, ledger: Ledger, rules: PlanningRules) -> None:
        self._ledger = ledger
        self._rules = rules

    def claim(
        self,
        connection: Connection,
        plan: Plan,
        interval_key: str,
        drafts: Sequence[Draft],
        rejects: Sequence[Reject],
    ) -> tuple[list[Draft], list[Reject], int]:
        """Claim what is known; gives what is left of both, and how many contacts were claimed.

        A contact whose row is bad by now was called all the same, so it is claimed as well, without a number.
        """
        good = [reject for reject in rejects if reject.reason != CONTACT_ID_REPEATED]
        found, names = self._known(connection, plan, interval_key, [*drafts, *good])
        if not names:
            return list(drafts), list(rejects), 0
        now = self._ledger.now(connection)
        known = [self._call(draft, names[draft.contact_id]) for draft in drafts if draft.contact_id in names]
        left = []
        for reject in rejects:
            contact_id = reject.contact_id
            if contact_id is None or contact_id not in names or reject.reason == CONTACT_ID_REPEATED:
                left.append(reject)
            else:
                call = NewCall(contact_id, names[contact_id], reject.number_last4 or "", now, ())
                known.append((call, ()))
        self._add(connection, plan, known, found, now)
        return [draft for draft in drafts if draft.contact_id not in names], left, len(known)

    def _known(
        self, connection: Connection, plan: Plan, interval_key: str, rows: Sequence[Draft | Reject]
    ) -> tuple[Mapping[str, KnownCall], Mapping[str, str]]:
        """The known calls by client-identifier, and the client-identifiers of the contacts still to be claimed."""
        campaign = self._rules.campaign
        contact_ids = {row.contact_id for row in rows if row.contact_id is not None}
        names = {each: client_identifier(campaign, interval_key, each) for each in contact_ids}
        found = noted(connection, sorted(names.values()))
        left = {contact_id: name for contact_id, name in names.items() if name in found}
        for contact_id in claimed_contacts(connection, plan, sorted(left)):
            del left[contact_id]  # by an earlier chunk of this query, and here is a second, bad row
        return found, left

    def _call(self, draft: Draft, name: str) -> tuple[NewCall, Sequence[str]]:
        # Nobody knows which of the numbers was called when, so all count, at the start the call would have now.
        uses = self._rules.per_number is not None
        hashes = [self._ledger.number_hash(number) for number in draft.numbers] if uses else []
        return NewCall(draft.contact_id, name, draft.number_last4, draft.start.timestamp(), hashes), draft.numbers

    def _add(
        self,
        connection: Connection,
        plan: Plan,
        known: Sequence[tuple[NewCall, Sequence[str]]],
        found: Mapping[str, KnownCall],
        now: float,
    ) -> None:
        """Claim the calls, those that went in one request together: a row of batches has one request-id."""
        groups: dict[tuple[str | None, str], list[tuple[NewCall, Sequence[str]]]] = defaultdict(list)
        for call, numbers in known:
            proof = found[call.client_identifier]
            groups[proof.request_id, _reason(proof)].append((call, numbers))
        for (request_id, reason), members in groups.items():
            for first in range(0, len(members), MAX_CALLS):
                part = members[first : first + MAX_CALLS]
                uuids = {call.client_identifier: found[call.client_identifier].phonon_uuid for call, _ in part}
                answer = KnownAnswer(
                    reason, request_id, {name: uuid for name, uuid in uuids.items() if uuid is not None}
                )
                add_batch(connection, plan, self._batch(part, answer), now)

    def _batch(self, part: Sequence[tuple[NewCall, Sequence[str]]], answer: KnownAnswer) -> NewBatch:
        rules = self._rules
        starts = [datetime.fromtimestamp(call.starts_at, UTC) for call, _ in part]
        # Never sent; it is kept and erased as every batch, and tells which calls it is about.
        frozen = [
            encode_call(call.client_identifier, encode_start_time(start), numbers, [])
            for (call, numbers), start in zip(part, starts, strict=True)
        ]
        return NewBatch(
            endpoint=rules.endpoint,
            api_version=rules.api_version,
            flow_id=rules.flow_id,
            frozen=freeze(frozen),
            not_after=last_sending_time(min(starts)).timestamp(),
            calls=[call for call, _ in part],
            answer=answer,
        )


def _reason(known: KnownCall) -> str:
    at = datetime.fromtimestamp(known.noted_at, UTC)
    return f"accepted: in Phonon's report, noted by {known.noted_by} on {at:%Y-%m-%d %H:%M:%S} UTC"
