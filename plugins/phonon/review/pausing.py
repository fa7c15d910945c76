"""The pause switch, as a person sets it: by name, with a reason, and never for a campaign that is misspelt."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import Connection, select

from phonon.errors import ConfigurationError
from phonon.ledger.pauses import EVERYTHING, Pause, pause, resume, set_pauses
from phonon.ledger.schema import intervals
from phonon.ledger.store import Ledger
from phonon.review.desk import Person
from phonon.review.notes import checked_note


class PauseDesk:
    """The pause switches of one ledger. Senders look at them each time before they send."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def pauses(self) -> list[Pause]:
        """All switches that are set."""
        with self._ledger.transaction(read_only=True) as connection:
            return set_pauses(connection)

    def pause(self, campaign: str | None, reason: str | None, person: Person, *, known: Sequence[str] = ()) -> str:
        """Pause a campaign, or everything for None; gives what to tell the person.

        :param known: campaigns that there are, besides those that the ledger has seen.
        :raises ConfigurationError: without a reason, or for a campaign that nobody knows.
        """
        reason = checked_note(reason, key="reason")
        scope = campaign or EVERYTHING
        with self._ledger.transaction() as connection:
            if campaign is not None:
                _check_known(connection, campaign, known)
            now = self._ledger.now(connection)
            is_new = pause(connection, scope, by=person.name, reason=reason, now=now)
        if not is_new:
            return f"{_named(scope)} was paused already; the switch stays as it was set."
        return f"{_named(scope)} is paused: what is in flight is finished, and nothing more is sent."

    def resume(self, campaign: str | None, person: Person) -> str:
        """Clear a switch; gives what to tell the person. Raises ConfigurationError when it is not set."""
        scope = campaign or EVERYTHING
        with self._ledger.transaction() as connection:
            cleared = resume(connection, scope, by=person.name, now=self._ledger.now(connection))
            left = set_pauses(connection)
        if not cleared:
            others = ", ".join("everything" if each.scope == EVERYTHING else each.scope for each in left)
            raise ConfigurationError(f"{_named(scope)} is not paused. Paused is: {others or 'nothing'}.")
        if any(each.scope == EVERYTHING for each in left):
            return f"{_named(scope)} is resumed, but everything is paused still."
        return f"{_named(scope)} is resumed. Clear trigger_calls of the runs that stopped, and they go on."


def _check_known(connection: Connection, campaign: str, known: Sequence[str]) -> None:
    """A misspelt name would be paused without an error, and the campaign would go on calling."""
    names = {*known, *connection.execute(select(intervals.c.campaign).distinct()).scalars()}
    if campaign in names:
        return
    near = get_close_matches(campaign, names, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigurationError(
        f"There is no campaign {campaign!r}: no file has that name, and none has run with this ledger.{meant} "
        "Nothing was paused."
    )


def _named(scope: str) -> str:
    return "Everything" if scope == EVERYTHING else f"Campaign {scope}"
