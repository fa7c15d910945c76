"""Held batches for tests of their review, in a real ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ledger.promises import plan_batches, sendable, settle, take_all
from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Past
from phonon.ledger.budget import RateLimit
from phonon.ledger.outbox import Answered, Outcome
from phonon.ledger.report import result_rows
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.review.desk import EvidenceOutcome, Person, ReviewDesk
from phonon.review.evidence import read_evidence

ASHA = Person("asha", "cli:asha")
_WIDE = RateLimit(Endpoint.BULK, "account", 1_000_000)


def hold(ledger: Ledger, *sizes: int) -> int:
    """An interval whose batch n was sent without an answer, with request-id ``request-n``; gives its id.

    Its calls have the client-identifiers ``ci-b0c0, ci-b0c1, ci-b1c0 ...``.
    """
    interval = plan_batches(ledger, sizes)
    taken = take_all(ledger, sendable(ledger, interval), limit=_WIDE)
    for batch in taken:
        silence = Answered(sent=True, outcome="unknown", request_id=f"request-{batch.id}")
        settle(ledger, Outcome(batch, BatchState.HELD, Past.UNANSWERED, "no answer", 1, silence))
    return interval


def apply(ledger: Ledger, text: str) -> EvidenceOutcome:
    return ReviewDesk(ledger).apply(read_evidence(text), "Phonon's report", ASHA)


def rows_of(ledger: Ledger, interval: int = 1) -> dict[str, Mapping[str, Any]]:
    """The interval's results by client-identifier."""
    chunks = result_rows(ledger, interval, chunk_rows=10_000)
    return {row["client_identifier"]: row for chunk in chunks for row in chunk}


def statuses(ledger: Ledger, interval: int = 1) -> Counter[str]:
    return Counter(row["status"] for row in rows_of(ledger, interval).values())
