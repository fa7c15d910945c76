"""What a campaign allows its sender, and the backoff between two sends of the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenacity import RetryCallState, Retrying, wait_exponential_jitter

from phonon.api.endpoints import Endpoint
from phonon.calling_window import CallingWindow, Outside
from phonon.dispatch.policy import UnknownPolicy
from phonon.ledger.budget import RateLimit

_wait = wait_exponential_jitter(initial=1, exp_base=2, max=60, jitter=1)


def backoff(attempt: int) -> float:
    """Seconds to wait after the given number of attempts: about 1, 2, 4, 8 ... 60."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = max(1, attempt)
    return float(_wait(state))


@dataclass(frozen=True)
class EnvelopeNow:
    """What the campaign's file and the connection say now of the envelope around the calls of a batch."""

    flow_id: str
    api_version: str


@dataclass(frozen=True)
class SendingRules:
    """How the batches of one campaign are sent."""

    window: CallingWindow
    limits: Mapping[Endpoint, RateLimit]
    outside: Outside = Outside.NEXT_WINDOW
    """What becomes of a batch whose window is not open, if it was never sent or refused as a whole."""
    on_unknown: Mapping[Endpoint, UnknownPolicy] = field(
        default_factory=lambda: {Endpoint.BULK: UnknownPolicy.HOLD, Endpoint.REALTIME: UnknownPolicy.RESEND}
    )
    envelope: EnvelopeNow | None = None
    """The envelope of batches that Phonon never had, or refused as a whole; None: as they were planned."""
    max_calls_of_run: int | None = None
    """Calls that the run may place, all its tries and senders together; None for as many as there are."""
    max_in_flight: int = 16
    max_attempts: int = 5
    """Sends of the same bytes, those above the limit and those that never left not counted."""
    max_unclear: int = 25
    """Batches in a row, sent one at a time, without a clear answer before the run gives up."""
    max_throttled: int = 20
    """Rounds of answers in a row that were all above the limit, before the run gives up."""
    max_unreachable: int = 5
    """Failed tries to connect, with a backoff between them, before the run gives up."""
    grace_seconds: float = 25.0
    """How long a sender that is told to end waits for answers before it cuts its connections. Kubernetes, for one,
    ends a process for good after 30 seconds."""
    look_seconds: float = 1.0
    """How often a sender that waits looks whether there is something to do: another one's lease that has ended, a
    pause, a place in flight that is free."""
