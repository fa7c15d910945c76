"""The first requests of a run, as they would be sent, and the rows that would not be called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phonon.ledger.claims import Reject
from phonon.rehearsal.masking import as_sent, indented
from phonon.wording import counted

OVER_LIMIT = "over limit"
"""Reason of the contacts that a preview does not show although they would be called."""

_SHOWN_ROWS = 10


@dataclass(frozen=True)
class Preview:
    """What a run would send first."""

    rows_read: int
    already_planned: int
    """Contacts among the rows that an earlier run over the interval planned."""
    bodies: Sequence[dict[str, Any]]
    """The contents of the requests, masked."""
    left_out: Sequence[Reject]
    """The rows that are invalid or suppressed, in their order."""

    def requests(self, *, raw: bool) -> str:
        """The requests, one after another. ``raw``: each on one line, as it is sent."""
        return "\n".join(as_sent(body) if raw else indented(body) for body in self.bodies)

    def remarks(self) -> str:
        """What else there is to say: how much was read, and what of it is not called, and why."""
        calls = sum(len(body["calls"]) for body in self.bodies)
        read = counted(self.rows_read, "row")
        lines = [f"{counted(calls, 'call')} from the first {read}. Nothing was planned or sent."]
        if self.already_planned:
            lines.append(
                f"Planned by an earlier run over the interval: {counted(self.already_planned, 'contact')}."
            )
        reasons = Counter((row.status.value, row.reason) for row in self.left_out)
        lines += [f"{count} {status}: {reason}" for (status, reason), count in reasons.most_common()]
        lines += [
            f"  row {row.row_number + 1} ({row.contact_id or 'no contact id'}): {row.reason}"
            for row in self.left_out[:_SHOWN_ROWS]
        ]
        if len(self.left_out) > _SHOWN_ROWS:
            lines.append(f"  and {counted(len(self.left_out) - _SHOWN_ROWS, 'more row')}")
        return "\n".join(lines)
