"""After a ledger was lost or restored from a backup: nothing that it may have forgotten is placed again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from phonon.errors import ConfigurationError
from phonon.ledger import identity
from phonon.ledger.doubts import doubt
from phonon.ledger.known_calls import note, stop_planning
from phonon.ledger.lookups import states_of_calls
from phonon.ledger.pauses import EVERYTHING, set_pauses
from phonon.ledger.settlements import Case, Decision, Proof, held, hold_open, open_batches
from phonon.ledger.store import Ledger
from phonon.review.desk import EvidenceOutcome, Person
from phonon.review.evidence import Evidence
from phonon.review.notes import checked_note
from phonon.review.proving import Fit, fit_of_the_rest, prove, settle_proven

_OURS = re.compile(r".{1,23}-[0-9a-f]{40}", re.DOTALL)
"""The form of ``planning.identity``. What others use as client-identifier could be anything, a phone number too."""


@dataclass(frozen=True)
class Outlook:
    """What would be done: batches and calls to hold, and the reports' calls by what the ledger has of them."""

    batches: int
    calls: int
    in_ledger: int
    lost: int
    foreign: int
    """Calls whose client-identifier no planner of this project has made."""
    nameless: int
    """Rows without a client-identifier, by which no call can be recognised that the ledger does not have."""


@dataclass(frozen=True)
class Restored:
    """What was done, and what waits for a person now."""

    batches: int
    calls: int
    evidence: EvidenceOutcome
    remembered: int
    """Calls that the ledger does not have and that were not remembered before."""
    waiting: Sequence[Case]


@dataclass(frozen=True)
class SendingRun:
    """A run of which the warehouse knows that it began to send, and not what came of it."""

    ledger_id: str
    sequence: int
    campaign: str
    interval_key: str


@dataclass
class WarehouseMemory:
    """What the tables of the warehouse remember of the ledgers that wrote them."""

    sequences: dict[str, int] = field(default_factory=dict)
    """The highest of each ledger, by its id."""
    requests: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """By ledger, campaign and run."""
    sending: list[SendingRun] = field(default_factory=list)
    held: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Campaign and interval of each held call, by its client-identifier."""


class RestoreDesk:
    """Brings one ledger, restored or new, together with what Phonon reports."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def look(self, report: Evidence) -> Outlook:
        """Count what ``settle`` would do. Raises ConfigurationError unless everything is paused."""
        with self._ledger.transaction(read_only=True) as connection:
            _check_paused(connection)
            batches, calls = open_batches(connection)
            lost = _lost(connection, report)
        ours = sum(map(_is_ours, report.proofs))
        return Outlook(
            batches=batches,
            calls=calls,
            in_ledger=ours - len(lost),
            lost=len(lost),
            foreign=len(report.proofs) - ours,
            nameless=len(report.uuids) + report.nameless,
        )

    def settle(
        self,
        report: Evidence,
        note_text: str | None,
        person: Person,
        memory: WarehouseMemory | None = None,
    ) -> Restored:
        """Hold what could still be sent, accept what the report proves, remember what the ledger has lost.

        All of it happens, or nothing; and once it has happened, it changes nothing to do it again. Raises
        ConfigurationError for a note that cannot be, and unless everything is paused.
        """
        why = checked_note(note_text)
        with self._ledger.transaction() as connection:
            stop_planning(connection)
            _check_paused(connection)
            decision = Decision(person.name, why, person.run_id, self._ledger.now(connection))
            now_held = hold_open(connection, decision)
            found = prove(connection, report)
            proven = settle_proven(connection, found, decision)
            lost = _lost(connection, report)
            remembered = note(connection, lost, decision)
            if memory is not None:
                _catch_up(connection, memory, decision)
            other = fit_of_the_rest(connection, found)
            waiting = held(connection)
        other[Fit.NOTHING] += report.nameless - sum(name in lost for name in found.other_names)
        outcome = EvidenceOutcome(proven, found.unproven, +other, len(report.named_twice))
        return Restored(len(now_held), sum(now_held.values()), outcome, remembered, waiting)


def merged(reports: Iterable[Evidence]) -> Evidence:
    """Several reports as one; of what they say of the same call the first counts."""
    whole = Evidence()
    for report in reports:
        for name, proof in report.proofs.items():
            known = whole.proofs.get(name, proof)
            if known.phonon_uuid and proof.phonon_uuid and known.phonon_uuid != proof.phonon_uuid:
                whole.named_twice.add(name)
            whole.proofs[name] = Proof(known.request_id or proof.request_id, known.phonon_uuid or proof.phonon_uuid)
        for request_id, uuids in report.listed.items():
            whole.listed[request_id] |= uuids
        whole.named += report.named
        whole.uuids += report.uuids
        whole.named_twice |= report.named_twice
        whole.nameless += report.nameless
    return whole


def _lost(connection: Connection, report: Evidence) -> Mapping[str, Proof]:
    """The reports' calls of this project that the ledger does not have."""
    ours = [name for name in report.proofs if _is_ours(name)]
    present = states_of_calls(connection, ours) if ours else {}
    return {name: report.proofs[name] for name in ours if name not in present}


def _catch_up(connection: Connection, memory: WarehouseMemory, decision: Decision) -> None:
    """Take over what the warehouse remembers, so that it finds nothing any more that the ledger does not know."""
    own, reached = identity.identity(connection).id, identity.sequence(connection)
    in_ledger = states_of_calls(connection, sorted(memory.held)) if memory.held else {}
    which = {interval for name, interval in memory.held.items() if name not in in_ledger}
    which |= {
        (run.campaign, run.interval_key) for run in memory.sending if run.ledger_id != own or run.sequence > reached
    }
    doubt(connection, which, decision)
    requests = {(run[1], run[2]): count for run, count in memory.requests.items() if run[0] == own}
    identity.catch_up(connection, memory.sequences.get(own, 0), requests, decision.at)
    identity.adopt(connection, memory.sequences.keys() - {own}, decision)


def _is_ours(client_identifier: str) -> bool:
    return _OURS.fullmatch(client_identifier) is not None


def _check_paused(connection: Connection) -> None:
    """Raise unless nothing can be sent meanwhile; the switch of the time before is not in this ledger any more."""
    if all(each.scope != EVERYTHING for each in set_pauses(connection)):
        raise ConfigurationError(
            "Not everything is paused in this ledger, and what is sent meanwhile could be a second call. Do this "
            "first: phonon pause --reason 'the ledger was restored'. Nothing was changed."
        )
