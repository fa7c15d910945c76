"""A test run's calls: to the tester's numbers, with variables of the first contacts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from phonon.ledger.claims import Plan, claimed_contacts
from phonon.planning.drafts import Draft

TEST_CONTACT = "test:"
"""How the contact ids of a test run begin: ``test:1`` is called at the first test number."""


def as_test_calls(
    connection: Connection, plan: Plan, drafts: Sequence[Draft], numbers: Sequence[str]
) -> list[Draft]:
    """Turn the first drafts into calls to the test numbers that nobody of this interval was planned for yet.

    No id of a contact stays in them: nobody in the results was called who was not.
    """
    by_id = {f"{TEST_CONTACT}{place}": number for place, number in enumerate(numbers, start=1)}
    claimed = claimed_contacts(connection, plan, list(by_id))
    left = [(contact_id, number) for contact_id, number in by_id.items() if contact_id not in claimed]
    return [
        draft._replace(contact_id=contact_id, numbers=[number])
        for draft, (contact_id, number) in zip(drafts, left, strict=False)
    ]
