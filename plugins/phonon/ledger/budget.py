"""The rate budget: a sliding minute that every sender of an endpoint and account shares.

Phonon counts calls when they arrive, which is some time between the start of a send and its answer. So a send
counts from its start until 60 seconds after its answer, or after the latest moment at which it can have
arrived when there is none. Take any 60 seconds at Phonon's side and the send in them that started last: every
other one in them still counted when it started. Hence no window can hold more than the limit, however slow or
uneven the network is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, Connection, Insert, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from phonon.api.endpoints import Endpoint
from phonon.ledger.schema import rates, sends

WINDOW_SECONDS = 60.0
_LOWEST_SHARE = 0.05
_RECOVERY_A_SECOND = 0.2 / 60
_DEFAULT_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 300.0
"""However long a server asks for: an absurd ``Retry-After`` must not stop an endpoint for good."""


@dataclass(frozen=True)
class RateLimit:
    """What one endpoint of one account takes in a minute. ``per_minute`` in calls, or in requests."""

    endpoint: Endpoint
    account: str
    per_minute: int
    counts_requests: bool = False

    def weight(self, calls: int) -> int:
        """What a request with so many calls takes of the limit."""
        return 1 if self.counts_requests else calls


def room(connection: Connection, limit: RateLimit, weights: Sequence[int], now: float) -> tuple[int, float]:
    """How many of the sends with these weights may start now, in order, and when to ask again otherwise.

    Locks the budget until the transaction ends, so that what is found free is not given to two.
    """
    share, blocked_until = _lock(connection, limit, now)
    if blocked_until > now:
        return 0, blocked_until
    counting = {"endpoint": limit.endpoint, "account": limit.account, "now": now}
    used: int = connection.execute(_USED, counting).scalar_one()
    free = int(limit.per_minute * share) - used
    fit = 0
    while fit < len(weights) and weights[fit] <= free:
        free -= weights[fit]
        fit += 1
    if fit == len(weights):
        return fit, now
    missing = weights[fit] - free
    for counts_until, weight in connection.execute(_ENDING, counting):
        missing -= weight
        if missing <= 0:
            return fit, counts_until
    return fit, now + 1.0  # the share grows by itself


def hold(connection: Connection, limits: Iterable[RateLimit], now: float) -> None:
    """Lock budgets until the transaction ends; in the order that everybody has, who would else wait for ever."""
    for limit in limits:
        _lock(connection, limit, now)


def slow_down(connection: Connection, limit: RateLimit, now: float, retry_after: float | None) -> None:
    """Answer a 429: nobody sends for a while, then at half the rate, which recovers by 20 % a minute.

    Of several 429s to sends that were in flight together only the first lowers the rate.
    """
    share, blocked_until = _lock(connection, limit, now)
    pause = _DEFAULT_PAUSE_SECONDS if retry_after is None else min(retry_after, _LONGEST_PAUSE_SECONDS)
    values: dict[str, float] = {"blocked_until": max(blocked_until, now + pause)}
    if blocked_until <= now:
        values |= {"share": max(_LOWEST_SHARE, share / 2), "share_at": now}
    connection.execute(update(rates).where(*_row(limit)).values(values))


def _row(limit: RateLimit) -> tuple[ColumnElement[bool], ...]:
    return rates.c.endpoint == limit.endpoint, rates.c.account == limit.account


def _lock(connection: Connection, limit: RateLimit, now: float) -> tuple[float, float]:
    """Lock the budget's row; gives the share of the limit in use and the end of a pause."""
    key = {"endpoint": limit.endpoint, "account": limit.account}
    row = connection.execute(_LOCK, key).first()
    if row is None:
        values = {**key, "share": 1.0, "share_at": now, "blocked_until": 0.0}
        connection.execute(_new_row(connection.dialect.name), values)
        row = connection.execute(_LOCK, key).one()
    return min(1.0, row.share + max(0.0, now - row.share_at) * _RECOVERY_A_SECOND), row.blocked_until


@cache
def _new_row(dialect: str) -> Insert:
    if dialect == "postgresql":
        return postgresql.insert(rates).on_conflict_do_nothing()
    return sqlite.insert(rates).on_conflict_do_nothing()


# Made once: to build a statement takes the ledger longer than to carry it out.
_COUNTING = (
    sends.c.endpoint == bindparam("endpoint"),
    sends.c.account == bindparam("account"),
    sends.c.counts_until > bindparam("now"),
)
_USED = select(func.coalesce(func.sum(sends.c.weight), 0)).where(*_COUNTING)
_ENDING = select(sends.c.counts_until, sends.c.weight).where(*_COUNTING).order_by(sends.c.counts_until)
_LOCK = (
    select(rates)
    .where(rates.c.endpoint == bindparam("endpoint"), rates.c.account == bindparam("account"))
    .with_for_update()
)
