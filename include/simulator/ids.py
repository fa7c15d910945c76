"""Request-ids and phonon-uuids, derived rather than drawn: a run can be repeated, and few have to be kept."""

from __future__ import annotations

import hashlib
import uuid


def _uuid_from(text: str) -> str:
    # Built from the digest's digits: 500 of them in a request would take uuid.UUID longer than all rules together.
    digits = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def phonon_uuid(request_id: str, position: int) -> str:
    """Return the uuid of the call at a position of an accepted request: always the same one."""
    return _uuid_from(f"{request_id}/{position}")


class RequestIds:
    """A stream of request-ids; the same seed gives the same stream."""

    def __init__(self, seed: str | None) -> None:
        self._seed = seed if seed is not None else uuid.uuid4().hex
        self._given = 0

    def next(self) -> str:
        """Return a request-id that was not given before."""
        self._given += 1
        return _uuid_from(f"{self._seed}/{self._given}")
