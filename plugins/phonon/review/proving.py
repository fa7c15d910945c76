"""Holding a report of Phonon's against the held batches: which of their calls it proves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from phonon.ledger.lookups import (
    calls_of,
    calls_sent,
    held_calls,
    states_of_calls,
    states_of_requests,
    stored_uuids,
)
from phonon.ledger.settlements import Case, Decision, Proof, accept, cases, held
from phonon.ledger.states import BatchState
from phonon.review.evidence import Evidence


class Fit(StrEnum):
    """What the ledger knows of the calls that a row names, when no held batch holds them."""

    KNOWN = "known already"
    OPEN = "of calls that a run of their campaign still deals with"
    CLOSED = "of calls that a person closed; they stay closed"
    RELEASED = "of a batch that was released: Phonon had received it, and its calls may be placed a second time"
    CONTRADICTED = "of calls that are shown as pending, refused or expired, which is then wrong"
    NOTHING = "that fit nothing in this ledger"


_FIT = {
    BatchState.ACCEPTED: Fit.KNOWN,
    BatchState.ACCEPTED_EARLIER: Fit.KNOWN,
    BatchState.SENDING: Fit.OPEN,
    BatchState.UNKNOWN: Fit.OPEN,
    BatchState.HELD: Fit.OPEN,
    BatchState.CLOSED: Fit.CLOSED,
    BatchState.RELEASED: Fit.RELEASED,
    BatchState.SPLIT: Fit.KNOWN,
}


@dataclass(frozen=True)
class Unproven:
    """A request of which the report lists too few or too many uuids, so that they tell nothing of its calls."""

    request_id: str
    batch_ids: Sequence[int]
    listed: int
    sent: int


@dataclass(frozen=True)
class Found:
    """What a report proves of the held batches, and its rows that prove nothing of them."""

    proofs: Mapping[int, Mapping[str, Proof]]
    """By batch and client-identifier."""
    unproven: Sequence[Unproven]
    other_uuids: Sequence[tuple[str, str | None]]
    """phonon-uuid and request-id of rows that fit no held batch."""
    known_uuids: AbstractSet[str]
    """phonon-uuids among them that the ledger has of accepted calls."""
    other_names: Sequence[str]
    """Client-identifiers, one a row, of calls that no held batch holds."""


@dataclass(frozen=True)
class Proven:
    """What was settled, in one transaction."""

    settled: Sequence[Case]
    """The batches of which calls were accepted, as they were before."""
    calls: int
    still_held: Mapping[int, int]
    """Batch -> the new one that holds those of its calls that the report does not list."""
    calls_still_held: int


def prove(connection: Connection, evidence: Evidence) -> Found:
    """Find what the report proves. Reads only, with a handful of statements whatever its length."""
    proofs: dict[int, dict[str, Proof]] = defaultdict(dict)
    waiting = [case.batch_id for case in held(connection) if case.is_held]
    stored = stored_uuids(connection, waiting)
    by_uuid = {stored[uuid]: Proof(request, uuid) for uuid, request in evidence.uuids if uuid in stored}
    for known in (evidence.proofs, by_uuid):
        for batch_id, names in held_calls(connection, list(known)).items():
            proofs[batch_id] = {name: known[name] for name in names} | proofs[batch_id]
    fitting, unproven = _requests(connection, evidence)
    for request_id, batch_ids in fitting.items():
        for batch_id, names in calls_of(connection, batch_ids).items():
            proofs[batch_id] = {name: Proof(request_id) for name in names} | proofs[batch_id]
    proven = {name for names in proofs.values() for name in names}
    proven_uuids = {uuid for uuid, name in stored.items() if name in proven}
    dealt_with = fitting.keys() | {each.request_id for each in unproven}
    return Found(
        proofs=proofs,
        unproven=unproven,
        other_uuids=[
            (uuid, request)
            for uuid, request in evidence.uuids
            if request not in dealt_with and uuid not in proven_uuids
        ],
        known_uuids=stored.keys() - proven_uuids,
        other_names=[name for name in evidence.named if name not in proven],
    )


def settle_proven(connection: Connection, found: Found, decision: Decision) -> Proven:
    """Accept what was proven. Raises ChangedMeanwhileError when a batch is not any more as it was."""
    settled = cases(connection, list(found.proofs))
    still_held = {}
    for case in settled:
        rest = accept(connection, case, found.proofs[case.batch_id], decision)
        if rest is not None:
            still_held[case.batch_id] = rest
    calls = sum(len(found.proofs[case.batch_id]) for case in settled)
    left = sum(case.calls - len(found.proofs[case.batch_id]) for case in settled)
    return Proven(settled, calls, still_held, left)


def fit_of_the_rest(connection: Connection, found: Found) -> Counter[Fit]:
    """Count the rows that prove nothing by what the ledger knows of them. Reads through all calls."""
    counted: Counter[Fit] = Counter()
    states = states_of_calls(connection, sorted(set(found.other_names))) if found.other_names else {}
    for name in found.other_names:
        counted[_fit([states[name]] if name in states else [])] += 1
    requests = sorted({request for _, request in found.other_uuids if request})
    answered = states_of_requests(connection, requests) if requests else {}
    for uuid, request in found.other_uuids:
        states_found = [state for _, state in answered.get(request or "", [])]
        counted[Fit.KNOWN if uuid in found.known_uuids else _fit(states_found)] += 1
    return counted


def _requests(connection: Connection, evidence: Evidence) -> tuple[dict[str, list[int]], list[Unproven]]:
    """The requests of held batches that the report lists uuids of without names: in full, and not so."""
    requests = sorted({request for _, request in evidence.uuids if request})
    fitting: dict[str, list[int]] = {}
    unproven = []
    for request_id, answered in states_of_requests(connection, requests).items():
        batch_ids = [batch_id for batch_id, state in answered if state is BatchState.HELD]
        if not batch_ids:
            continue
        sent = calls_sent(connection, batch_ids[:1])[batch_ids[0]]
        listed = len(evidence.listed[request_id])
        if listed == sent:
            fitting[request_id] = batch_ids
        else:
            unproven.append(Unproven(request_id, batch_ids, listed, sent))
    return fitting, unproven


def _fit(states: Iterable[BatchState]) -> Fit:
    """The gravest of what the states mean."""
    fits = {_FIT.get(state, Fit.CONTRADICTED) for state in states}
    gravest = (Fit.CONTRADICTED, Fit.RELEASED, Fit.OPEN, Fit.CLOSED, Fit.KNOWN)
    return next((fit for fit in gravest if fit in fits), Fit.NOTHING)
