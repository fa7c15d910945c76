"""People who settle held batches as the documentation asks them to: they look at Phonon's own report first."""

from __future__ import annotations

from random import Random

from phonon.api.request import thaw
from phonon.ledger.settlements import Case, frozen_batch
from phonon.ledger.store import Ledger
from phonon.review.desk import Person, ReviewDesk
from phonon.review.evidence import read_evidence
from simulation.wire import Wire

_PATIENCE_SECONDS = 60.0
"""They do not look at once: what was sent may still be on its way for as long as its lease."""


class People:
    """Release what Phonon never accepted, hand in its report of what it did, close the rest, or leave it."""

    def __init__(self, ledger: Ledger, wire: Wire, random: Random) -> None:
        self._ledger = ledger
        self._wire = wire
        self._random = random
        self._desk = ReviewDesk(ledger)
        self._person = Person("asha", "cli:asha")

    def settle(self) -> list[str]:
        """Deal with what is held; gives what was done."""
        done = []
        for case in self._desk.waiting():
            if case.is_held and case.sent_at is not None:
                age = self._wire.timeline.now - case.sent_at.timestamp()
                if age > _PATIENCE_SECONDS and self._random.random() < 0.6:
                    done.append(self._decide(case))
        return done

    def _decide(self, case: Case) -> str:
        with self._ledger.transaction(read_only=True) as connection:
            names = {call["client-identifier"] for call in thaw(frozen_batch(connection, case).frozen)}
        report = names & {call.client_identifier for call in self._wire.phonon.accepted()}
        if self._random.random() < 0.2:
            self._desk.close([case.batch_id], "nobody needs this call any more", self._person)
            return "closed"
        if not report:
            self._desk.release([case.batch_id], "not in the report", self._person)
            return "released"
        csv = "\n".join(["client-identifier", *sorted(report)])
        self._desk.apply(read_evidence(csv), "the report", self._person)
        return "proven"
