"""Several senders of one interval: which batches each takes first, and what they learn from one another.

They know of each other through the ledger alone, so it does not matter on which machines they run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Kind
from phonon.ledger.members import written_out
from phonon.ledger.schema import batches, sends
from phonon.ledger.states import BatchState

_GOOD = (Kind.ACCEPTED, Kind.ACCEPTED_EARLIER, Kind.PARTIAL)
_STOPS = tuple(kind for kind in Kind if kind.stops)


@dataclass(frozen=True)
class Share:
    """The batches that a sender takes first: ``part`` of ``of``, counted from 0. It helps with the others after."""

    part: int = 0
    of: int = 1


WHOLE = Share()
"""The share of a sender that is the only one of its run."""


@dataclass(frozen=True)
class Refusal:
    """An answer that stops a run, with its words as far as the ledger still has them."""

    kind: Kind
    code: int | None
    reason: str


@dataclass(frozen=True)
class Answers:
    """What Phonon has answered to the senders of an interval since some time."""

    any_good: bool
    refusal: Refusal | None


def answers_since(connection: Connection, interval_id: int, account: str, *, since: float) -> Answers:
    """Look up the answers to any sender of the interval, in seconds since the epoch from ``since`` on."""
    rows = connection.execute(_ANSWERS, {"interval": interval_id, "account": account, "since": since}).all()
    refusals = [Refusal(Kind(row.outcome), row.code, row.reason or "") for row in rows if Kind(row.outcome).stops]
    return Answers(len(refusals) < len(rows), refusals[0] if refusals else None)


def others_are_sending(
    connection: Connection, interval_id: int, *, owner: str, now: float, is_dead: Callable[[str], bool]
) -> bool:
    """Whether a batch of the interval is in flight that another sender took, which is not known to have ended."""
    rows = connection.execute(_IN_FLIGHT, {"interval": interval_id, "owner": owner, "now": now})
    return any(not is_dead(row.owner) for row in rows)


# Made once: to build a statement takes the ledger longer than to carry it out.
_ANSWERS = (
    select(sends.c.outcome, sends.c.code, func.max(batches.c.reason).label("reason"))
    .join(batches, batches.c.id == sends.c.batch_id)
    .where(
        # The index of the budget: what was answered counts for a minute from then on.
        sends.c.endpoint.in_(written_out(Endpoint)),
        sends.c.account == bindparam("account"),
        sends.c.counts_until > bindparam("since"),
        sends.c.answered_at >= bindparam("since"),
        sends.c.outcome.in_(written_out(kind.value for kind in (*_GOOD, *_STOPS))),
        batches.c.interval_id == bindparam("interval"),
    )
    .group_by(sends.c.outcome, sends.c.code)
)
_IN_FLIGHT = (
    select(batches.c.owner)
    .where(
        batches.c.interval_id == bindparam("interval"),
        batches.c.state == BatchState.SENDING,
        batches.c.owner != bindparam("owner"),
        batches.c.lease_until > bindparam("now"),
    )
    .distinct()
)
