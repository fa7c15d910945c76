"""What a sender has done so far, and a line about it when something has changed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from logging import Logger

from phonon.ledger.outbox import Outcome
from phonon.ledger.states import BatchState
from phonon.wording import counted, span

_EVERY_SECONDS = 5.0
_SAME_AGAIN_SECONDS = 60.0
"""After which a sender that only waits says so again."""


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
    _told_of: tuple[int, bool] = (-1, False)
    _room_in: float | None = None

    def add(self, outcome: Outcome) -> None:
        """Count what was recorded of one batch."""
        if outcome.answered and outcome.answered.sent:
            self.sent += outcome.batch.calls
        moved = sum(len(child.client_identifiers) for child in outcome.children)
        self.by_state[outcome.state] += outcome.batch.calls - moved
        for child in outcome.children:
            if child.state is not BatchState.PENDING:
                self.by_state[child.state] += len(child.client_identifiers)

    def wait_for_limit(self, seconds: float | None) -> None:
        """Note in how many seconds the limit has room again; None while it has."""
        self._room_in = seconds

    def tell(self, *, now: bool = False) -> None:
        """Log a line, if the last one is old enough, and said something else or is much older."""
        age = time.monotonic() - self._told
        state = self.sent, self._room_in is not None
        if not now and age < (_SAME_AGAIN_SECONDS if state == self._told_of else _EVERY_SECONDS):
            return
        self._told, self._told_of = time.monotonic(), state
        accepted = self.by_state[BatchState.ACCEPTED] + self.by_state[BatchState.ACCEPTED_EARLIER]
        left = None if self.waiting is None else max(0, self.waiting - self._settled())
        seconds = max(self._told - self._started, 0.001)
        self.log.info(
            "%s sent: %d accepted, %d refused, %d held; %.0f a second%s%s%s",
            counted(self.sent, "call"),
            accepted,
            self.by_state[BatchState.REFUSED],
            self.by_state[BatchState.HELD],
            self.sent / seconds,
            "" if left is None else f"; {left:,} left",
            f", for which the limit needs at least {span(60 * left / self.per_minute)}"
            if self.per_minute and left
            else "",
            "" if self._room_in is None else f"; waits for the limit, which has room in {span(self._room_in)}",
        )

    def _settled(self) -> int:
        open_states = {BatchState.PENDING, BatchState.UNKNOWN, BatchState.SENDING, BatchState.SPLIT}
        return sum(calls for state, calls in self.by_state.items() if state not in open_states)
