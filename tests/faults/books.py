"""The invariants of the contract, held against rows of a results table and what the stand-in Phonon accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.record import AcceptedCall

Row = Mapping[str, Any]

_ACCEPTED = {"accepted", "accepted_earlier"}


def assert_books_agree(rows: Sequence[Row], accepted: Iterable[AcceptedCall], *, contacts: int) -> None:
    """Nobody is called twice, every contact has one row, every accepted call is shown as such or as held."""
    times = Counter(call.client_identifier for call in accepted)
    assert not [name for name, count in times.items() if count > 1], "a person was called twice"
    assert len({row["contact_id"] for row in rows}) == len(rows) == contacts, "a contact is lost, or is there twice"
    shown = {row["client_identifier"] for row in rows if row["status"] in _ACCEPTED}
    held = {row["client_identifier"] for row in rows if row["status"] == "held"}
    assert shown <= times.keys(), "a row says accepted and Phonon never accepted it"
    assert times.keys() <= shown | held, "an accepted call is shown as something else"


def statuses(rows: Iterable[Row]) -> Counter[str]:
    """The number of rows of each status."""
    return Counter(row["status"] for row in rows)
