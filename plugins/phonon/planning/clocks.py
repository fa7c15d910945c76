"""A last doubt before calls are planned: whether the clocks that decide when people are called can be right."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging import Logger

from sqlalchemy import select

from phonon.calling_window import CLOSING_MARGIN
from phonon.errors import ConfigurationError
from phonon.ledger.schema import plans
from phonon.ledger.store import Ledger

_WORTH_A_WORD = 5.0


def check_clocks(ledger: Ledger, log: Logger, *, machine: Callable[[], float] = time.time) -> None:
    """Warn when this machine's clock and the ledger's differ by seconds, or the ledger's has been set back.

    :param machine: this machine's clock, seconds since the epoch.

    Raises ConfigurationError when they differ by more than the margin that is kept before a window closes: one
    of them is wrong, nobody can tell which, and if it is the ledger's, people are called outside the hours.
    """
    with ledger.transaction(read_only=True) as connection:
        ahead = ledger.ahead(connection, machine)
        now = ledger.now(connection)
        last = connection.execute(select(plans.c.started_at).order_by(plans.c.id.desc()).limit(1)).scalar()
    differ = (
        f"The clock of the ledger's database is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this "
        "worker's. Calling hours and the limit go by the ledger's."
    )
    if abs(ahead) > CLOSING_MARGIN.total_seconds():
        raise ConfigurationError(f"{differ} Nothing was planned. Set both by NTP, then clear this task.")
    if abs(ahead) > _WORTH_A_WORD:
        log.warning("%s Set both by NTP; at more than %d s nothing is planned", differ, CLOSING_MARGIN.seconds)
    if last is not None and last > now + CLOSING_MARGIN.total_seconds():
        log.warning(
            "The ledger's clock shows %s UTC, and its last plan was made at %s UTC: the clock was set back, or was "
            "wrong then. Look at it before people are called at a wrong hour",
            _told(now),
            _told(last),
        )


def _told(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
