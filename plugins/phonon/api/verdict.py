"""What an answer means for the batch that was sent: one pure function.

Phonon's codes 201 to 213 are refusals that look like 2xx, 202 is a success on one endpoint and a refusal on the
other, and 201 proves that a batch had arrived only when nothing but silence was heard of it before. So the
decision takes the endpoint, what was sent before, the HTTP status, the code, the message and the request-id
together, and whatever fits nothing is an unknown outcome, not a failure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum

from phonon.api.answer import Answer
from phonon.api.codes import Code, Means
from phonon.api.endpoints import Endpoint


class Past(StrEnum):
    """What is known of the earlier sends of the same batch."""

    FIRST = "first"
    """No byte of its body was ever written."""
    REFUSED = "refused"
    """Every send was answered with a refusal of the whole request."""
    ACCEPTED = "accepted"
    """Every send was answered, the last one with an acceptance."""
    DOUBTFUL = "doubtful"
    """Every send was answered, one of them with a failure that may have spared some calls (206, 500)."""
    UNANSWERED = "unanswered"
    """No send was answered in a readable way."""
    MIXED = "mixed"
    """Some sends were answered and some were not."""

    @property
    def may_be_accepted(self) -> bool:
        """Whether Phonon may have started calls of this batch: then only the same bytes may be sent again."""
        return self in {Past.ACCEPTED, Past.DOUBTFUL, Past.UNANSWERED, Past.MIXED}

    @property
    def has_silence(self) -> bool:
        """Whether some send had no readable answer."""
        return self in {Past.UNANSWERED, Past.MIXED}

    def after_refusal(self, *, whole: bool) -> Past:
        """The past once a send was answered with a refusal, which spared no call if ``whole``."""
        if self.has_silence:
            return Past.MIXED
        return Past.REFUSED if whole and not self.may_be_accepted else Past.DOUBTFUL

    def after_acceptance(self) -> Past:
        """The past once a send was answered with an acceptance, which clears up no doubt about earlier ones."""
        return self if self.may_be_accepted else Past.ACCEPTED

    def after_silence(self) -> Past:
        """The past once a send had no readable answer."""
        return Past.UNANSWERED if self in {Past.FIRST, Past.UNANSWERED} else Past.MIXED


class Kind(Enum):
    """What becomes of a batch."""

    ACCEPTED = "accepted"
    ACCEPTED_EARLIER = "accepted earlier"
    PARTIAL = "partial"
    """The listed calls are accepted; of the others nothing is known."""
    SPLIT = "split"
    """Refused whole because of some call in it, or of its size: halves may be sent."""
    AGAIN = "again"
    """Refused for a passing reason: the same bytes after a backoff."""
    THROTTLED = "throttled"
    """Above the limit: the same bytes later, and slower."""
    UNKNOWN = "unknown"
    HELD = "held"
    """Nothing that could be sent would be safe, or prove anything: a person or evidence decides."""
    TOP_UP = "top up"
    FIX_CONFIGURATION = "fix configuration"

    @property
    def stops(self) -> bool:
        """Whether the run must not send anything more."""
        return self in {Kind.TOP_UP, Kind.FIX_CONFIGURATION}


@dataclass(frozen=True)
class Verdict:
    """What an answer means; ``past`` is what a later send of the same batch has to know."""

    kind: Kind
    past: Past
    reason: str


def classify(endpoint: Endpoint, past: Past, answer: Answer | None) -> Verdict:
    """Decide what ``answer`` means for a batch with that ``past``; None is no answer at all.

    Source: contract, "What the codes lead to"; Phonon outbound API, answer and checksum rule.
    """
    if answer is None:
        return Verdict(Kind.UNKNOWN, past.after_silence(), "no answer")
    kind = _without_past(endpoint, answer)
    said = _said(answer)
    if kind is Kind.ACCEPTED_EARLIER:
        return _repeated(past, said)
    if kind in {Kind.ACCEPTED, Kind.PARTIAL}:
        return Verdict(kind, past.after_acceptance(), said)
    if kind is Kind.UNKNOWN:
        return Verdict(kind, _past_of_unknown(past, answer), said)
    after = past.after_refusal(whole=not _is_failure(answer))
    if kind is Kind.SPLIT and past.may_be_accepted:
        return Verdict(Kind.HELD, after, f"{said}; an earlier send of the batch may have been accepted")
    return Verdict(kind, after, said)


def _past_of_unknown(past: Past, answer: Answer) -> Past:
    """Bulk's 206 and 500 are unknown although they were answered, which a later 201 must not forget."""
    if _is_failure(answer):
        return past.after_refusal(whole=False)
    return past.after_silence()


def _repeated(past: Past, said: str) -> Verdict:
    """201: these bytes were received before. By whom, and with what answer, only the past tells."""
    if past is Past.UNANSWERED:
        return Verdict(Kind.ACCEPTED_EARLIER, past, f"{said} after a send without an answer")
    if past is Past.FIRST:
        # No split and no new bytes: whoever sent these may have started the calls.
        return Verdict(Kind.HELD, Past.UNANSWERED, f"{said} on a first send: someone else sent these bytes")
    return Verdict(Kind.HELD, past, f"{said} after a send that was answered proves nothing")


def _said(answer: Answer) -> str:
    code = "" if answer.code is None else f"code {answer.code.value} "
    return f"HTTP {answer.http_status} {code}{answer.message}".strip()


def _without_past(endpoint: Endpoint, answer: Answer) -> Kind:  # noqa: PLR0911 - a table, read top down
    """The row of the contract's table, for a batch that was never sent before."""
    code, success = answer.code, 200 <= answer.http_status < 300
    if code is None:
        return _by_http_status(answer.http_status)
    if code is Code.ACCEPTED_OR_INVALID_SECURITY_ID:
        return _code_202(endpoint, answer)
    if code.means is Means.ACCEPTED:
        return Kind.ACCEPTED if success else Kind.UNKNOWN
    if code.means is Means.PARTIAL:
        return Kind.PARTIAL if success else Kind.UNKNOWN
    if answer.http_status == 429:
        return Kind.THROTTLED
    if code.means is Means.FAILED:
        # A queue may not know a repeated body, so on bulk nothing protects a re-send.
        return Kind.AGAIN if endpoint is Endpoint.REALTIME else Kind.UNKNOWN
    return _REFUSALS[code.means]


_REFUSALS = {
    Means.REPEATED: Kind.ACCEPTED_EARLIER,
    Means.BAD_CALL: Kind.SPLIT,
    Means.TOO_MANY_CALLS: Kind.SPLIT,
    Means.ACCOUNT: Kind.TOP_UP,
    Means.CONFIGURATION: Kind.FIX_CONFIGURATION,
    Means.PASSING: Kind.AGAIN,
    Means.TOO_FAST: Kind.THROTTLED,
}


def _is_failure(answer: Answer) -> bool:
    """Whether the answer is one of those that may have spared some calls."""
    return answer.code is not None and answer.code.means is Means.FAILED


def _by_http_status(status: int) -> Kind:
    """Without a known code only three statuses say for certain that nothing was processed."""
    return {403: Kind.FIX_CONFIGURATION, 413: Kind.SPLIT, 429: Kind.THROTTLED}.get(status, Kind.UNKNOWN)


_WORD = re.compile("[a-z]+")


def _code_202(endpoint: Endpoint, answer: Answer) -> Kind:
    """202 is "Accepted" on bulk and "Invalid Security ID" on both; the message and the request-id decide."""
    message = answer.message.strip().casefold()
    if message == "accepted":
        accepted = endpoint is Endpoint.BULK and 200 <= answer.http_status < 300 and answer.request_id
        return Kind.ACCEPTED if accepted else Kind.UNKNOWN
    # In whatever words: taken for an unknown outcome, it would hold calls that were certainly not placed.
    words = set(_WORD.findall(message))
    if {"invalid", "security"} <= words and "accepted" not in words:
        return Kind.FIX_CONFIGURATION
    if endpoint is Endpoint.REALTIME and answer.request_id is None:
        return Kind.FIX_CONFIGURATION
    return Kind.UNKNOWN
