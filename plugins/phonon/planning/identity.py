"""The name of a call: the same for the same campaign, contact and interval, whoever computes it, whenever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

_PREFIX_LENGTH = 23


def client_identifier(campaign: str, interval_key: str, contact_id: str) -> str:
    """``client-identifier`` of a call: at most 64 characters of ``[A-Za-z0-9_.:-]``.

    Begins with the campaign's name, as far as it fits, so that a person can place it in Phonon's reports.
    The rest is a hash: a contact id can be anything, and need not be known outside the warehouse.
    """
    return client_identifiers(campaign, interval_key, [contact_id])[0]


def client_identifiers(campaign: str, interval_key: str, contact_ids: Iterable[str]) -> list[str]:
    """``client_identifier`` of each contact, in order."""
    interval = hashlib.blake2b(_with_length(campaign) + _with_length(interval_key), digest_size=20)
    prefix = f"{campaign[:_PREFIX_LENGTH]}-"
    names = []
    for contact_id in contact_ids:
        hasher = interval.copy()
        hasher.update(_with_length(contact_id))
        names.append(prefix + hasher.hexdigest())
    return names


def _with_length(part: str) -> bytes:
    """A part that cannot run into the next: ("a", "bc") is not ("ab", "c")."""
    encoded = part.encode()
    return len(encoded).to_bytes(4, "big") + encoded
