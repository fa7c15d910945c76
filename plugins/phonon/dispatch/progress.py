"""What a sender has done so far, and a line about it every few seconds."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from logging import Logger

from phonon.ledger.outbox import Outcome
from phonon.ledger.states import BatchState

_EVERY_SECONDS = 5.0


@dataclass
class Progress:
    """Counts of calls by what became of them in this sender, for its log."""

    log: Logger
    waiting: int | None
    """Calls that were open when the sender started; None if others send them too, and what is left is not known."""
    per_minute: int | None
    """Calls a minute that the limit allows; None when the limit counts requests."""
    sent: int = 0
    by_state: Counter[BatchState] = field(default_factory=Counter)
    _started: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Count what was recorded of one batch."""
        if outcome.answered and outcome.answered.sent:
            self.sent += outcome.batch.calls
        moved = sum(len(child.client_identifiers) for child in outcome.children)
        self.by_state[outcome.state] += outcome.batch.calls - moved
        for child in outcome.children:
            if child.state is not BatchState.PENDING:
                self.by_state[child.state] += len(child.client_identifiers)

    def tell(self, *, now: bool = False) -> None:
        """Log a line, if the last one is old enough."""
        if not now and time.monotonic() - self._told < _EVERY_SECONDS:
            return
        self._told = time.monotonic()
        accepted = self.by_state[BatchState.ACCEPTED] + self.by_state[BatchState.ACCEPTED_EARLIER]
        left = None if self.waiting is None else max(0, self.waiting - self._settled())
        seconds = max(self._told - self._started, 0.001)
        self.log.info(
            "sent %d, accepted %d, refused %d, held %d%s calls; %.0f calls/s%s",
            self.sent,
            accepted,
            self.by_state[BatchState.REFUSED],
            self.by_state[BatchState.HELD],
            "" if left is None else f", left {left}",
            self.sent / seconds,
            f"; at least {left / self.per_minute:.1f} min left at the limit" if self.per_minute and left else "",
        )

    def _settled(self) -> int:
        open_states = {BatchState.PENDING, BatchState.UNKNOWN, BatchState.SENDING, BatchState.SPLIT}
        return sum(calls for state, calls in self.by_state.items() if state not in open_states)
