"""A stand-in of the Phonon outbound API, for trying and testing campaigns without calling anybody.

**Made from Phonon's documentation, not from the real service.** Where the documentation is silent (the HTTP
status of a refusal, what happens above the limit, how long a checksum is remembered...), the behaviour here is
a setting with a cautious default, and no proof of what the real service does.

The pure core (:class:`Phonon`) has no sockets and no clock; ``simulator.running.running`` puts it on a real
socket for tests, and ``python -m simulator`` runs it in the foreground.
"""

from __future__ import annotations

from simulator.arrival import Arrival, Delivery, Reply
from simulator.faults import Fault, Kind, When
from simulator.record import AcceptedCall
from simulator.settings import IST, BulkAnswer, BulkRepeat, ChecksumScope, Endpoint, LimitUnit, Settings
from simulator.standin import Phonon

__all__ = [
    "IST",
    "AcceptedCall",
    "Arrival",
    "BulkAnswer",
    "BulkRepeat",
    "ChecksumScope",
    "Delivery",
    "Endpoint",
    "Fault",
    "Kind",
    "LimitUnit",
    "Phonon",
    "Reply",
    "Settings",
    "When",
]
