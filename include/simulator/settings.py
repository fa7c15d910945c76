"""What can be chosen about the stand-in: the account, the limits, and everything that is not documented."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta, timezone
from enum import StrEnum

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""India Standard Time: the only offset a start-time may have, and the one whose date counts as today."""

CREATE_PATH = "/kairos-apis/outbound/create"


class Endpoint(StrEnum):
    """The two addresses of the create call. The vendor has a host for each; here each has a path prefix."""

    BULK = "bulk"
    REALTIME = "realtime"

    @property
    def path(self) -> str:
        """The path on this server, such as ``/bulk/kairos-apis/outbound/create``."""
        return f"/{self.value}{CREATE_PATH}"


class LimitUnit(StrEnum):
    """What the limit per minute counts (not documented)."""

    CALLS = "calls"
    REQUESTS = "requests"


class BulkAnswer(StrEnum):
    """The shape of a success on bulk, which has changed over the years."""

    ACCEPTED = "accepted"
    """HTTP 202, code 202 ``Accepted``, a request-id, no call-details: since 2023."""
    DETAILS = "details"
    """HTTP 200, code 200 ``Success`` with call-details, as on real time: the base version."""
    QUEUE = "queue"
    """A queue's ``{"SendMessageResponse": ...}``: early 2023."""


class BulkRepeat(StrEnum):
    """What bulk does with bytes that it has received before (not documented: it is a queue)."""

    REFUSE = "refuse"
    """Answers 201, as real time does."""
    DROP = "drop"
    """Answers as if accepted, and does not call a second time."""
    FORGET = "forget"
    """Accepts, and calls a second time."""


class ChecksumScope(StrEnum):
    """Where a repeated body is recognised (not documented)."""

    ENDPOINT = "endpoint"
    """Each endpoint knows only what it received itself."""
    EVERYWHERE = "everywhere"
    """Both endpoints share one memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this Phonon behaves. The defaults are the documented behaviour, and where there is none, a cautious one.

    :raises ValueError: a number is negative where that has no meaning.
    """

    security_ids: frozenset[str] = field(default=frozenset(), repr=False)
    """The known security-ids; empty: any that is well-formed (64 letters and digits)."""
    flow_ids: frozenset[str] = frozenset()
    """The known flow-ids; empty: any that is well-formed (8 letters and digits)."""
    allowed_ips: frozenset[str] = frozenset()
    """The source addresses that may call; empty: any."""
    test_numbers: frozenset[str] = field(default=frozenset(), repr=False)
    """The numbers that a flow in testing (api-version ``TEST``) may call; empty: any."""
    invalid_number_endings: tuple[str, ...] = ()
    """Well-formed numbers that end so are refused with 205, as numbers that the vendor knows not to exist."""

    max_calls: int = 500
    """Calls in a request."""
    max_body_bytes: int = 256_000
    """Bytes of a request's body."""
    too_large_status: int = 413
    """The HTTP status for a larger body; the page only says that it is not processed."""
    refusal_status: int = 200
    """The HTTP status that goes with a code that refuses (not documented)."""
    refusals_carry_request_id: bool = False
    """Whether a refusal has a ``request-id`` (not documented)."""

    bulk_answer: BulkAnswer = BulkAnswer.ACCEPTED
    bulk_repeat: BulkRepeat = BulkRepeat.DROP
    checksum_seconds: float | None = None
    """For how long received bytes are remembered; None: for ever."""
    checksum_scope: ChecksumScope = ChecksumScope.ENDPOINT
    refused_counts_as_received: bool = False
    """Whether bytes that were refused with a code are remembered as received."""

    limit_unit: LimitUnit = LimitUnit.CALLS
    """The limiter stands at the door: it counts all that it lets through, also what is refused afterwards."""
    bulk_per_minute: int = 30_000
    """Calls (or requests) in any 60 seconds for each security-id; 0: no limit."""
    realtime_per_minute: int = 500
    """Calls (or requests) in any 60 seconds for each security-id; 0: no limit."""
    send_retry_after: bool = True
    """Whether the 429 above the limit tells after how many seconds there is room."""

    delay_seconds: float = 0.0
    """How long every answer takes."""
    seed: str | None = None
    """Makes request-ids and phonon-uuids the same in every run; None: different ones."""

    def __post_init__(self) -> None:
        """Refuse what could only be a slip."""
        for name in ("max_calls", "max_body_bytes", "bulk_per_minute", "realtime_per_minute", "delay_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"The simulator's setting {name} is negative; give 0 or more.")
        if self.checksum_seconds is not None and self.checksum_seconds < 0:
            raise ValueError("The simulator's setting checksum_seconds is negative; give None for no end.")

    def per_minute(self, endpoint: Endpoint) -> int:
        """Return the limit of an endpoint in any 60 seconds; 0 means none."""
        return self.bulk_per_minute if endpoint is Endpoint.BULK else self.realtime_per_minute
