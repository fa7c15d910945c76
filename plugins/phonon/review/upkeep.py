"""Keeping the ledger small: forget, then give back the room."""

from __future__ import annotations

from dataclasses import dataclass

from phonon.ledger.retention import Forgotten, Retention, forget
from phonon.ledger.space import bytes_used, give_back
from phonon.ledger.store import Ledger


@dataclass(frozen=True)
class Maintained:
    """What was forgotten, and the room on disk before and after."""

    forgotten: Forgotten
    bytes_before: int
    bytes_after: int


def maintain(ledger: Ledger, retention: Retention, *, whole: bool = False) -> Maintained:
    """Forget what is old and give back the room.

    :param whole: write every table anew; raises ConfigurationError while calls are being sent.
    """
    before = bytes_used(ledger)
    forgotten = forget(ledger, retention)
    give_back(ledger, whole=whole)
    return Maintained(forgotten, before, bytes_used(ledger))


def told_maintained(done: Maintained) -> str:
    """What was done, for a log or a terminal."""
    forgotten = done.forgotten
    return "\n".join(
        [
            f"Phone numbers erased: those of {forgotten.numbers:,} batches",
            f"Hashes of numbers forgotten: {forgotten.hashes:,}",
            f"Sends forgotten: {forgotten.sends:,}",
            f"Contacts that replaced plans had not planned, forgotten: {forgotten.rejects:,}",
            f"Room on disk: {_megabytes(done.bytes_before)} before, {_megabytes(done.bytes_after)} after",
        ]
    )


def _megabytes(count: int) -> str:
    return f"{count / 1024**2:,.1f} MB"
