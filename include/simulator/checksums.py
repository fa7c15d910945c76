"""The memory behind the checksum rule: a request whose bytes equal an earlier one's is recognised."""

from __future__ import annotations

import hashlib

from simulator.settings import ChecksumScope, Endpoint, Settings


class Checksums:
    """The bytes that were received, as digests, for as long and in the scope that the settings say."""

    def __init__(self, settings: Settings) -> None:
        seconds = settings.checksum_seconds
        self._lifetime = None if seconds is None else round(seconds * 1_000_000)
        self._shared = settings.checksum_scope is ChecksumScope.EVERYWHERE
        self._received: dict[bytes, int] = {}

    def knows(self, endpoint: Endpoint, body: bytes, now: int) -> bool:
        """Tell whether these bytes were received before and are still remembered at ``now`` (microseconds)."""
        received = self._received.get(self._digest(endpoint, body))
        return received is not None and (self._lifetime is None or now - received < self._lifetime)

    def remember(self, endpoint: Endpoint, body: bytes, now: int) -> None:
        """Note the bytes as received at ``now``; what is remembered already keeps its first time."""
        self._forget(now)
        self._received.setdefault(self._digest(endpoint, body), now)

    def _forget(self, now: int) -> None:
        if self._lifetime is None:
            return
        # Oldest first, so the search ends at the first one that is still remembered.
        while self._received:
            oldest = next(iter(self._received))
            if now - self._received[oldest] < self._lifetime:
                return
            del self._received[oldest]

    def _digest(self, endpoint: Endpoint, body: bytes) -> bytes:
        digest = hashlib.sha256(body).digest()
        return digest if self._shared else endpoint.value.encode() + digest
