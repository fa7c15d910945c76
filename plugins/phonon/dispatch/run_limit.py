"""The parameter ``limit`` of a run: which batches it leaves room for, whoever planned them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from phonon.dispatch.admission import Admission, Go, Leave
from phonon.ledger.outbox import Batch
from phonon.ledger.run_calls import calls_of_run


@dataclass(frozen=True)
class Cut:
    """The first ``calls`` of a batch go, and the others stay pending."""

    batch: Batch
    calls: int


@dataclass
class RunLimit:
    """At most so many calls in a run. What it has sent once takes no more room when it is sent again."""

    most: int
    run_id: str
    is_used_up: bool = False

    def within(
        self, connection: Connection, interval_id: int, admissions: Iterable[Admission]
    ) -> list[Admission | Cut]:
        """Let go what there is room for, in order; it stays free only under the lock of the budgets."""
        sent = calls_of_run(connection, interval_id, self.run_id)
        room = self.most - sent.calls
        self.is_used_up = room <= 0
        within: list[Admission | Cut] = []
        for admission in admissions:
            fitting: Admission | Cut = admission
            if isinstance(admission, Go) and admission.envelope.batch.id not in sent.batches:
                fitting, room = _fitted(admission, room)
            within.append(fitting)
        return within


def _fitted(go: Go, room: int) -> tuple[Go | Cut | Leave, int]:
    """Decide about a batch that the run has not sent yet; gives the room that is left after it, too."""
    batch = go.envelope.batch
    if batch.calls <= room:
        return go, room - batch.calls
    # Of a batch that may have been accepted only the same bytes may follow.
    if room <= 0 or batch.past.may_be_accepted:
        return Leave(), room
    return Cut(batch, room), 0
