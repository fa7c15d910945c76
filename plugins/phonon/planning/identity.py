"""The name of a call: the same for the same campaign, contact and interval, whoever computes it, whenever."""

from __future__ import annotations

import hashlib
from functools import lru_cache

_PREFIX_LENGTH = 23


def client_identifier(campaign: str, interval_key: str, contact_id: str) -> str:
    """``client-identifier`` of a call: at most 64 characters of ``[A-Za-z0-9_.:-]``.

    Begins with the campaign's name, as far as it fits, so that a person can place it in Phonon's reports.
    The rest is a hash: a contact id can be anything, and need not be known outside the warehouse.
    """
    hasher = _hash_of(campaign, interval_key).copy()
    hasher.update(_with_length(contact_id))
    return f"{campaign[:_PREFIX_LENGTH]}-{hasher.hexdigest()}"


@lru_cache(maxsize=8)
def _hash_of(campaign: str, interval_key: str) -> hashlib.blake2b:
    return hashlib.blake2b(_with_length(campaign) + _with_length(interval_key), digest_size=20)


def _with_length(part: str) -> bytes:
    """A part that cannot run into the next: ("a", "bc") is not ("ab", "c")."""
    encoded = part.encode()
    return len(encoded).to_bytes(4, "big") + encoded
