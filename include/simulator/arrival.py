"""What comes in and what goes out: the two values that pass between the core and whatever carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulator.settings import Endpoint

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as it reached Phonon.

    :raises ValueError: ``now`` has no time zone.
    """

    endpoint: Endpoint
    body: bytes = field(repr=False)
    now: datetime
    source_ip: str
    content_type: str = JSON_TYPE

    def __post_init__(self) -> None:
        """Refuse a time that could mean any date."""
        if self.now.tzinfo is None:
            raise ValueError("The time of a request has no time zone; pass an aware datetime.")


class Delivery(StrEnum):
    """How an answer travels back."""

    WHOLE = "whole"
    CUT = "cut"
    """Half of the announced bytes, then the connection is closed."""
    NEVER = "no answer"
    """Nothing at all: the connection stays open until the client gives up."""
    RESET = "reset"
    """Nothing at all: the connection is reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. With a delivery of ``NEVER`` or ``RESET`` the client sees none of it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.WHOLE
    delay_seconds: float = 0.0
    code: str = ""
    """The code and the message in the body, such as ``202 Accepted``; empty when the body has none."""

    @property
    def outcome(self) -> str:
        """What the client saw, for counting: the HTTP status, or how the answer was lost."""
        return str(self.status) if self.delivery is Delivery.WHOLE else self.delivery.value
