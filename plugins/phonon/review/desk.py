"""What a person can do about held batches, each as one transaction: all of it happens, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from phonon.errors import ConfigurationError
from phonon.ledger.settlements import Case, Decision, History, cases, close, frozen_batch, held, history, release
from phonon.ledger.store import Ledger
from phonon.review.evidence import Evidence
from phonon.review.notes import checked_note
from phonon.review.proving import Fit, Proven, Unproven, fit_of_the_rest, prove, settle_proven
from phonon.review.renewal import renew


@dataclass(frozen=True)
class Person:
    """Who acts, and in which run: of Airflow, or ``cli:<user>``."""

    name: str
    run_id: str


@dataclass(frozen=True)
class Settled:
    """The batches that were settled, as they were before, and the new one of each that was released."""

    cases: Sequence[Case]
    new_batches: dict[int, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many calls it was about."""
        return sum(case.calls for case in self.cases)


@dataclass(frozen=True)
class EvidenceOutcome:
    """What a report has settled, and what its other rows are."""

    proven: Proven
    unproven: Sequence[Unproven]
    other_rows: Counter[Fit]
    named_twice: int
    """Calls that the report lists with more than one phonon-uuid."""


class ReviewDesk:
    """Held batches of one ledger, as a person deals with them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def waiting(self, campaign: str | None = None) -> list[Case]:
        """What is shown as held and waits, of one campaign or of all."""
        with self._ledger.transaction(read_only=True) as connection:
            return held(connection, campaign)

    def look(self, batch_ids: Sequence[int]) -> list[History]:
        """The batches, in any state, with all that happened to them."""
        with self._ledger.transaction(read_only=True) as connection:
            return [history(connection, batch_id) for batch_id in batch_ids]

    def check(self, batch_ids: Sequence[int], campaign: str | None = None) -> list[Case]:
        """The batches that are to be settled. Raises ConfigurationError when one of them cannot be."""
        with self._ledger.transaction(read_only=True) as connection:
            found = cases(connection, batch_ids)
        _check_campaign(found, campaign)
        return found

    def release(
        self, batch_ids: Sequence[int], note: str | None, person: Person, campaign: str | None = None
    ) -> Settled:
        """Have held batches sent again as new ones, by the next run that sends their interval.

        Raises ConfigurationError for a note or a batch that cannot be, ChangedMeanwhileError when somebody else
        was quicker; then nothing is changed.
        """
        note = _checked(batch_ids, note)
        with self._ledger.transaction() as connection:
            found = cases(connection, batch_ids)
            _check_campaign(found, campaign)
            now = self._ledger.now(connection)
            decision = Decision(person.name, note, person.run_id, now)
            new = {
                case.batch_id: release(connection, case, renew(frozen_batch(connection, case), now), decision)
                for case in found
            }
        return Settled(found, new)

    def close(
        self, batch_ids: Sequence[int], note: str | None, person: Person, campaign: str | None = None
    ) -> Settled:
        """Settle held batches for good without sending them. Raises as ``release``."""
        note = _checked(batch_ids, note)
        with self._ledger.transaction() as connection:
            found = cases(connection, batch_ids)
            _check_campaign(found, campaign)
            decision = Decision(person.name, note, person.run_id, self._ledger.now(connection))
            for case in found:
                close(connection, case, decision)
        return Settled(found)

    def apply(self, evidence: Evidence, note: str, person: Person) -> EvidenceOutcome:
        """Accept the calls that a report of Phonon's proves. Raises ChangedMeanwhileError as ``release``."""
        with self._ledger.transaction() as connection:
            found = prove(connection, evidence)
            decision = Decision(person.name, note, person.run_id, self._ledger.now(connection))
            proven = settle_proven(connection, found, decision)
        with self._ledger.transaction(read_only=True) as connection:
            other = fit_of_the_rest(connection, found)
        other[Fit.NOTHING] += evidence.nameless
        return EvidenceOutcome(proven, found.unproven, +other, len(evidence.named_twice))


def _checked(batch_ids: Sequence[int], note: str | None) -> str:
    if not batch_ids:
        raise ConfigurationError("batches: name the batches, by the ids that the list of held batches shows.")
    return checked_note(note)


def _check_campaign(found: Sequence[Case], campaign: str | None) -> None:
    """Raise for a batch of another campaign than the person named: somebody mistyped one of the two."""
    strange = [case for case in found if campaign is not None and case.campaign != campaign]
    if strange:
        told = ", ".join(f"{case.batch_id} (of {case.campaign})" for case in strange)
        raise ConfigurationError(f"These batches are not of campaign {campaign!r}: {told}. Nothing was changed.")
