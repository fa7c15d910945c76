"""The name of a call: the same for the same campaign, contact and interval, whoever computes it, whenever."""

from __future__ import annotations

import hashlib

_PREFIX_LENGTH = 23


def client_identifier(campaign: str, interval_key: str, contact_id: str) -> str:
    """``client-identifier`` of a call: at most 64 characters of ``[A-Za-z0-9_.:-]``.

    Begins with the campaign's name, as far as it fits, so that a person can place it in Phonon's reports.
    The rest is a hash: a contact id can be anything, and need not be known outside the warehouse.
    """
    parts = (campaign, interval_key, contact_id)
    content = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return f"{campaign[:_PREFIX_LENGTH]}-{hashlib.blake2b(content, digest_size=20).hexdigest()}"
