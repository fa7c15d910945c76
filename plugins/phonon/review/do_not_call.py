"""The do-not-call list, as a person changes it: numbers in any writing, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from phonon.errors import ConfigurationError
from phonon.ledger.do_not_call import Entry, add, count, entries, remove
from phonon.ledger.settlements import Decision
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import Withdrawal, withdraw_listed
from phonon.review.desk import Person
from phonon.review.notes import checked_note
from phonon.review.number_lists import NumberList
from phonon.wording import counted

_MOST_SHOWN = 20


@dataclass(frozen=True)
class Change:
    """What became of the list."""

    numbers: int
    """Different ones that were given."""
    changed: int
    """Those of them that were added or removed."""
    wrong: int
    """Values that were left out."""
    withdrawal: Withdrawal = field(default_factory=Withdrawal)


class DoNotCallDesk:
    """The do-not-call list of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, given: NumberList, note: str | None, person: Person, *, skip_wrong: bool = False) -> Change:
        """Put numbers on the list, and take back the calls to them that are planned and not sent.

        Raises ConfigurationError without a note, or for what is no number; then nothing is changed.
        """
        note = checked_note(note)
        hashes = self._hashes(given, skip_wrong=skip_wrong)
        with self._ledger.transaction() as connection:
            now = self._ledger.now(connection)
            new = add(connection, hashes, by=person.name, note=note, now=now)
        decision = Decision(person.name, note, person.run_id, now)
        return Change(len(hashes), new, len(given.wrong), withdraw_listed(self._ledger, decision))

    def remove(self, given: NumberList, note: str | None, person: Person, *, skip_wrong: bool = False) -> Change:
        """Take numbers off the list. Raises as ``add``."""
        note = checked_note(note)
        hashes = self._hashes(given, skip_wrong=skip_wrong)
        with self._ledger.transaction() as connection:
            now = self._ledger.now(connection)
            gone = remove(connection, hashes, by=person.name, note=note, now=now)
        return Change(len(hashes), gone, len(given.wrong))

    def check(self, given: NumberList) -> list[tuple[str, Entry | None]]:
        """The last four digits of each number, and its entry if it is on the list. Raises for what is no number."""
        _refuse_wrong(given)
        hashes = [self._ledger.number_hash(number) for number in given.numbers]
        with self._ledger.transaction(read_only=True) as connection:
            found = entries(connection, hashes)
        return [(number[-4:], found.get(each)) for number, each in zip(given.numbers, hashes, strict=True)]

    def count(self) -> int:
        """How many numbers are on the list."""
        with self._ledger.transaction(read_only=True) as connection:
            return count(connection)

    def _hashes(self, given: NumberList, *, skip_wrong: bool) -> list[int]:
        if not skip_wrong:
            _refuse_wrong(given)
        return [self._ledger.number_hash(number) for number in given.numbers]


def told_change(done: str, change: Change) -> str:
    """What became of the list. ``done``: "added" or "removed"."""
    rest = change.numbers - change.changed
    already = "already on the list" if done == "added" else "not on the list"
    lines = [f"{counted(change.changed, 'number')} {done}" + (f", {rest:,} {already}." if rest else ".")]
    if change.wrong:
        lines.append(f"Skipped, since they are no mobile numbers: {counted(change.wrong, 'value')}.")
    taken = change.withdrawal
    if taken.withdrawn or taken.shortened:
        lines.append(
            f"Taken back: {counted(taken.withdrawn, 'planned call')}; with other numbers of the contact left: "
            f"{taken.shortened:,}."
        )
    if taken.out_of_reach:
        lines.append(
            "Not taken back, since they are being sent, or may have been accepted by Phonon: "
            f"{counted(taken.out_of_reach, 'call')}."
        )
    return "\n".join(lines)


def told_check(found: Sequence[tuple[str, Entry | None]]) -> str:
    """Which numbers are on the list; by their last four digits, in the order in which they were given."""
    return "\n".join(
        f"******{last4}: not on the list"
        if entry is None
        else f"******{last4}: on the list since {entry.at:%Y-%m-%d %H:%M:%S} UTC, by {entry.by}: {entry.note}"
        for last4, entry in found
    )


def _refuse_wrong(given: NumberList) -> None:
    if not given.wrong:
        return
    shown = "; ".join(f"{place}: {why}" for place, why in given.wrong[:_MOST_SHOWN])
    more = f"; and {len(given.wrong) - _MOST_SHOWN} more" if len(given.wrong) > _MOST_SHOWN else ""
    raise ConfigurationError(
        f"{len(given.wrong)} values are no Indian mobile numbers: {shown}{more}. Nothing was changed."
    )
