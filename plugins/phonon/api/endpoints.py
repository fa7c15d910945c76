"""The two addresses of the outbound API and the sizes they take (Phonon outbound API, endpoints)."""

from __future__ import annotations

from enum import StrEnum

MAX_CALLS = 500
"""Calls in one request, documented by the vendor."""

MAX_BYTES = 256_000
"""UTF-8 bytes of one request body. The vendor says 256 KB; the smaller reading is the safe one."""


class Endpoint(StrEnum):
    """Which of the two doors a batch goes through."""

    BULK = "bulk"
    """High throughput: a queue in front of the processor, which can still refuse later."""

    REALTIME = "realtime"
    """Low throughput, connects at once."""

    @property
    def vendor_url(self) -> str:
        """The vendor's address of the create call."""
        return _VENDOR_URL[self]

    @property
    def documented_per_minute(self) -> int:
        """The limit a minute; for real time the later, lower figure of the two the vendor has published."""
        return _PER_MINUTE[self]


_VENDOR_URL = {
    Endpoint.BULK: "https://central-api.phonon.io/kairos-apis/outbound/create",
    Endpoint.REALTIME: "https://central.phonon.io/kairos-apis/outbound/create",
}
_PER_MINUTE = {Endpoint.BULK: 30_000, Endpoint.REALTIME: 500}
