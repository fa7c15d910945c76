"""What people do with held batches: look at them, release them, close them, or accept their calls on evidence.

A change is made under the fence with which the batch was read and only while it is held, so that of two people,
or of a person and a sender, exactly one decides. Each is on record: who, when, why. All functions work inside a
transaction of the caller.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update
from sqlalchemy import case as sql_case

from phonon.api.request import freeze_objects, thaw
from phonon.api.verdict import Past
from phonon.errors import ConfigurationError, LedgerError
from phonon.ledger.lookups import lineages
from phonon.ledger.members import integer_members, text_members
from phonon.ledger.outbox import Batch, Child, add_child, read_batch
from phonon.ledger.report import WITHOUT_FROZEN
from phonon.ledger.schema import batches, calls, decisions, intervals, sends
from phonon.ledger.states import BatchState

_MAYBE_ACCEPTED = sorted(past for past in Past if past.may_be_accepted)
_OPEN = sorted((BatchState.PENDING, BatchState.UNKNOWN, BatchState.SENDING))
_FENCES = 1000


class ChangedMeanwhileError(LedgerError):
    """Somebody else has settled the batch since it was read. Nothing was changed."""


@dataclass(frozen=True)
class Case:
    """A batch as a person sees it, and the fence with which it was read. Times in UTC."""

    batch_id: int
    fence: int
    campaign: str
    interval_key: str
    endpoint: str
    calls: int
    state: BatchState
    sent_at: datetime | None
    request_id: str | None
    reason: str

    @property
    def is_held(self) -> bool:
        """Whether a person can settle it; else a later run of the campaign goes on with it, if anything does."""
        return self.state is BatchState.HELD


@dataclass(frozen=True)
class SendRecord:
    """One send of a batch. ``http_status`` and ``code`` are None when no readable answer came."""

    batch_id: int
    run_id: str
    calls: int
    bytes: int
    started_at: datetime
    answered_at: datetime | None
    http_status: int | None
    code: int | None
    outcome: str | None


@dataclass(frozen=True)
class DecisionRecord:
    """What somebody decided about a batch. ``calls``: how many it was about."""

    batch_id: int
    at: datetime
    by: str
    action: str
    calls: int
    note: str


@dataclass(frozen=True)
class History:
    """A batch with all that happened to it and to the batches it was made from, oldest first."""

    case: Case
    made_from: Sequence[int]
    made_into: Sequence[int]
    sends: Sequence[SendRecord]
    decisions: Sequence[DecisionRecord]


@dataclass(frozen=True)
class Decision:
    """Who decides, why, and in which run: of Airflow, or ``cli:<user>``. ``at``: seconds since the epoch."""

    by: str
    note: str
    run_id: str
    at: float

    def told(self, done: str) -> str:
        """The decision as the ``reason`` of the results table."""
        return f"{done} by {self.by} on {datetime.fromtimestamp(self.at, UTC):%Y-%m-%d %H:%M:%S} UTC: {self.note}"


@dataclass(frozen=True)
class Renewal:
    """What a released batch is sent as. ``moved``: new start-time -> client-identifiers of the calls it is for."""

    frozen: bytes = field(repr=False)
    starts_at: float
    not_after: float
    moved: Mapping[float, Sequence[str]]


@dataclass(frozen=True)
class Proof:
    """What Phonon's own report says of a call."""

    request_id: str | None = None
    phonon_uuid: str | None = None


def held(connection: Connection, campaign: str | None = None) -> list[Case]:
    """All batches whose calls are shown as held and wait for something, oldest first.

    Those that ``is_held`` wait for a person or evidence; the others for a later run of their campaign.
    """
    waiting = or_(
        batches.c.state.in_([BatchState.HELD, BatchState.UNKNOWN, BatchState.SENDING]),
        and_(batches.c.state == BatchState.PENDING, batches.c.past.in_(_MAYBE_ACCEPTED)),
    )
    query = _select_cases().where(waiting, batches.c.calls > 0).order_by(batches.c.id)
    if campaign is not None:
        query = query.where(intervals.c.campaign == campaign)
    return [_case(row) for row in connection.execute(query)]


def cases(connection: Connection, batch_ids: Sequence[int]) -> list[Case]:
    """The batches with these ids, which must all be held, in the order of their ids.

    Raises ConfigurationError that says of each that is not what it is instead.
    """
    found = _cases_by_id(connection, batch_ids)
    wrong = [_why_not(number, found.get(number)) for number in sorted(set(batch_ids))]
    problems = [problem for problem in wrong if problem]
    if problems:
        raise ConfigurationError(" ".join([*problems, "Nothing was changed."]))
    return list(found.values())


def history(connection: Connection, batch_id: int) -> History:
    """Everything the ledger knows of a batch in any state, without numbers or contacts.

    Raises ConfigurationError when there is no such batch.
    """
    found = _cases_by_id(connection, [batch_id])
    if batch_id not in found:
        raise ConfigurationError(_why_not(batch_id, None))
    lineage = lineages(connection, [batch_id])[batch_id]
    children = select(batches.c.id).where(batches.c.parent_id == batch_id).order_by(batches.c.id)
    sent = connection.execute(select(sends).where(sends.c.batch_id.in_(lineage)).order_by(sends.c.started_at))
    decided = connection.execute(
        select(decisions).where(decisions.c.batch_id.in_(lineage)).order_by(decisions.c.decided_at, decisions.c.id)
    )
    return History(
        case=found[batch_id],
        made_from=sorted(lineage[1:]),
        made_into=list(connection.execute(children).scalars()),
        sends=[_send_record(row) for row in sent],
        decisions=[
            DecisionRecord(
                row.batch_id, _datetime(row.decided_at), row.decided_by, row.action, row.calls or 0, row.note
            )
            for row in decided
        ],
    )


def frozen_batch(connection: Connection, case: Case) -> Batch:
    """The batch of a case with its calls. Raises LedgerError when they are not those that were frozen."""
    return read_batch(connection.execute(select(batches).where(batches.c.id == case.batch_id)).one())


def release(connection: Connection, case: Case, renewal: Renewal, decision: Decision) -> int:
    """Put the calls of a held batch into a new one that was never sent; gives its id.

    Raises ChangedMeanwhileError when the batch is not any more as it was read.
    """
    _settle(connection, case, decision, {"state": BatchState.RELEASED})
    names = [call["client-identifier"] for call in thaw(renewal.frozen)]
    child = Child(renewal.frozen, names, BatchState.PENDING, Past.FIRST, decision.told("released"))
    # What Phonon answered to the old batch says nothing of the new one.
    fresh = {"starts_at": renewal.starts_at, "not_after": renewal.not_after, "code": None, "message": None}
    new_id = add_child(connection, case.batch_id, child, run_id=decision.run_id, now=decision.at, instead=fresh)
    for starts_at, moved in renewal.moved.items():
        connection.execute(
            update(calls)
            .where(calls.c.batch_id == new_id, calls.c.client_identifier.in_(text_members(connection, moved)))
            .values(starts_at=starts_at)
        )
    _note(connection, "release", case, case.calls, decision)
    return new_id


def close(connection: Connection, case: Case, decision: Decision) -> None:
    """Settle a held batch for good without sending it: its calls stay shown as held, with who closed them.

    Raises ChangedMeanwhileError when the batch is not any more as it was read.
    """
    _settle(connection, case, decision, {"state": BatchState.CLOSED, "reason": decision.told("closed")})
    _note(connection, "close", case, case.calls, decision)


def accept(connection: Connection, case: Case, proofs: Mapping[str, Proof], decision: Decision) -> int | None:
    """Show calls of a held batch as accepted, with the ids that Phonon gave them.

    ``proofs`` by client-identifier, all of calls that the batch holds, at least one. Calls without a proof stay
    held in a batch of their own, whose id this gives. Raises ChangedMeanwhileError when the batch is not any
    more as it was read.
    """
    by_request: dict[str | None, dict[str, Proof]] = defaultdict(dict)
    for name, proof in proofs.items():
        by_request[proof.request_id or case.request_id][name] = proof
    # A row of batches has one request-id, so calls that went with another one become a batch of their own.
    own, *others = by_request.items()
    told = decision.told("accepted on evidence")
    _settle(connection, case, decision, {"state": BatchState.ACCEPTED, "reason": told, **_answer(*own)})
    rest = None
    if others or len(proofs) < case.calls:
        batch = frozen_batch(connection, case)
        objects = thaw(batch.frozen)
        for request_id, group in others:
            part = _part([call for call in objects if call["client-identifier"] in group], batch, told)
            _add_part(connection, case, part, decision, _answer(request_id, group))
        unproven = [call for call in objects if call["client-identifier"] not in proofs]
        if unproven:
            part = _part(unproven, batch, case.reason, BatchState.HELD)
            rest = _add_part(connection, case, part, decision, {"request_id": case.request_id})
    _note(connection, "accept", case, len(proofs), decision)
    return rest


def hold_open(connection: Connection, decision: Decision) -> dict[int, int]:
    """Hold every batch that could still be sent, because the ledger may have forgotten that it was.

    Gives how many calls each of them has. Their fences rise by more than sends can have raised them in what is
    forgotten, so that a sender of that time records nothing.
    """
    at = datetime.fromtimestamp(decision.at, UTC)
    reason = f"the ledger was restored by {decision.by} on {at:%Y-%m-%d %H:%M:%S} UTC: it may have been sent since"
    after_silence = {past.value: past.after_silence().value for past in Past}
    rows = connection.execute(
        update(batches)
        .where(batches.c.state.in_(_OPEN))
        .values(
            state=BatchState.HELD,
            past=sql_case(after_silence, value=batches.c.past),
            fence=batches.c.fence + _FENCES,
            lease_until=None,
            reason=reason,
            run_id=decision.run_id,
            changed_at=decision.at,
        )
        .returning(batches.c.id)
    )
    held_now = _cases_by_id(connection, list(rows.scalars()))
    for each in held_now.values():
        _note(connection, "hold", each, each.calls, decision)
    return {batch_id: each.calls for batch_id, each in held_now.items()}


def open_batches(connection: Connection) -> tuple[int, int]:
    """How many batches ``hold_open`` would hold, and how many calls they have."""
    counted = select(func.count(), func.coalesce(func.sum(batches.c.calls), 0)).where(batches.c.state.in_(_OPEN))
    found = connection.execute(counted).one()
    return int(found[0]), int(found[1])


def _select_cases() -> Any:
    names = select(*WITHOUT_FROZEN, intervals.c.campaign, intervals.c.interval_key)
    return names.join(intervals, intervals.c.id == batches.c.interval_id)


def _cases_by_id(connection: Connection, batch_ids: Sequence[int]) -> dict[int, Case]:
    wanted = integer_members(connection, sorted(set(batch_ids)))
    rows = connection.execute(_select_cases().where(batches.c.id.in_(wanted)).order_by(batches.c.id))
    return {row.id: _case(row) for row in rows}


def _case(row: Row[Any]) -> Case:
    return Case(
        batch_id=row.id,
        fence=row.fence,
        campaign=row.campaign,
        interval_key=row.interval_key,
        endpoint=row.endpoint,
        calls=row.calls,
        state=BatchState(row.state),
        sent_at=None if row.sent_at is None else _datetime(row.sent_at),
        request_id=row.request_id,
        reason=row.reason or ("sent, no answer recorded yet" if row.state == BatchState.SENDING else ""),
    )


def _why_not(batch_id: int, case: Case | None) -> str:
    """Why a batch cannot be settled by a person; empty when it can."""
    if case is None:
        return f"There is no batch {batch_id} in this ledger."
    match case.state:
        case BatchState.HELD:
            return ""
        case BatchState.UNKNOWN | BatchState.SENDING | BatchState.PENDING:
            return (
                f"Batch {batch_id} is {case.state}, not held: running campaign {case.campaign!r} again over the "
                f"interval {case.interval_key} deals with it."
            )
        case _:
            return f"Batch {batch_id} is {case.state} already; its history tells how that came."


def _settle(connection: Connection, case: Case, decision: Decision, values: Mapping[str, Any]) -> None:
    changed = connection.execute(
        update(batches)
        .where(batches.c.id == case.batch_id, batches.c.fence == case.fence, batches.c.state == BatchState.HELD)
        .values(
            fence=case.fence + 1,
            lease_until=None,
            run_id=decision.run_id,
            changed_at=decision.at,
            **values,
        )
    )
    if changed.rowcount != 1:
        raise ChangedMeanwhileError(
            f"Batch {case.batch_id} was changed by somebody else since it was read. Nothing was changed; look at "
            "it again and decide anew."
        )


def _part(
    objects: list[dict[str, Any]], batch: Batch, reason: str, state: BatchState = BatchState.ACCEPTED
) -> Child:
    names = [call["client-identifier"] for call in objects]
    return Child(freeze_objects(objects), names, state, batch.past, reason)


def _add_part(
    connection: Connection, case: Case, part: Child, decision: Decision, instead: Mapping[str, Any]
) -> int:
    return add_child(connection, case.batch_id, part, run_id=decision.run_id, now=decision.at, instead=instead)


def _answer(request_id: str | None, proofs: Mapping[str, Proof]) -> dict[str, Any]:
    uuids = {name: proof.phonon_uuid for name, proof in proofs.items() if proof.phonon_uuid}
    packed = {"phonon_uuids": zlib.compress(orjson.dumps(uuids), 1)} if uuids else {}
    return {"request_id": request_id, **packed}


def _note(connection: Connection, action: str, case: Case, count: int, decision: Decision) -> None:
    connection.execute(
        insert(decisions).values(
            decided_at=decision.at,
            decided_by=decision.by,
            action=action,
            scope=case.campaign,
            batch_id=case.batch_id,
            calls=count,
            note=decision.note,
        )
    )


def _send_record(row: Row[Any]) -> SendRecord:
    return SendRecord(
        batch_id=row.batch_id,
        run_id=row.run_id,
        calls=row.calls,
        bytes=row.bytes,
        started_at=_datetime(row.started_at),
        answered_at=None if row.answered_at is None else _datetime(row.answered_at),
        http_status=row.http_status,
        code=row.code,
        outcome=row.outcome,
    )


def _datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
