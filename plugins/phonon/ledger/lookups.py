"""Finding the calls and batches that a report of Phonon names, in bulk and without reading frozen calls."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, select

from phonon.ledger.members import integer_members, text_members
from phonon.ledger.schema import batches, calls, sends
from phonon.ledger.states import BatchState


def lineages(connection: Connection, batch_ids: Sequence[int]) -> dict[int, list[int]]:
    """Each batch with those it was made from, the nearest first."""
    chains = {batch_id: [batch_id] for batch_id in batch_ids}
    newest = sorted(set(batch_ids))
    while newest:
        rows = connection.execute(
            select(batches.c.id, batches.c.parent_id).where(
                batches.c.id.in_(integer_members(connection, newest)), batches.c.parent_id.is_not(None)
            )
        )
        parents = {row.id: row.parent_id for row in rows}
        for chain in chains.values():
            if chain[-1] in parents:
                chain.append(parents[chain[-1]])
        newest = sorted(set(parents.values()))
    return chains


def held_calls(connection: Connection, client_identifiers: Sequence[str]) -> dict[int, list[str]]:
    """Those of the calls that held batches hold, by batch."""
    waiting = connection.execute(select(batches.c.id).where(batches.c.state == BatchState.HELD)).scalars().all()
    rows = connection.execute(
        select(calls.c.batch_id, calls.c.client_identifier).where(
            calls.c.batch_id.in_(integer_members(connection, waiting)),
            calls.c.client_identifier.in_(text_members(connection, client_identifiers)),
        )
    )
    return _by_batch(rows)


def calls_of(connection: Connection, batch_ids: Sequence[int]) -> dict[int, list[str]]:
    """The client-identifiers of the calls that batches hold, by batch."""
    rows = connection.execute(
        select(calls.c.batch_id, calls.c.client_identifier).where(
            calls.c.batch_id.in_(integer_members(connection, batch_ids))
        )
    )
    return _by_batch(rows)


def states_of_calls(connection: Connection, client_identifiers: Sequence[str]) -> dict[str, BatchState]:
    """Where the calls with these identifiers stand, those that the ledger knows. Reads through all calls."""
    rows = connection.execute(
        select(calls.c.client_identifier, batches.c.state)
        .join(batches, batches.c.id == calls.c.batch_id)
        .where(calls.c.client_identifier.in_(text_members(connection, client_identifiers)))
    )
    return {row.client_identifier: BatchState(row.state) for row in rows}


def states_of_requests(
    connection: Connection, request_ids: Sequence[str]
) -> dict[str, list[tuple[int, BatchState]]]:
    """The batches that Phonon answered with these request-ids, by request-id: their ids and states."""
    rows = connection.execute(
        select(batches.c.request_id, batches.c.id, batches.c.state)
        .where(batches.c.request_id.in_(text_members(connection, request_ids)))
        .order_by(batches.c.id)
    )
    found: dict[str, list[tuple[int, BatchState]]] = defaultdict(list)
    for row in rows:
        found[row.request_id].append((row.id, BatchState(row.state)))
    return found


def calls_sent(connection: Connection, batch_ids: Sequence[int]) -> dict[int, int]:
    """How many calls went in the request in which the calls of each batch were last sent."""
    chains = lineages(connection, batch_ids)
    everyone = sorted({each for chain in chains.values() for each in chain})
    rows = connection.execute(
        select(sends.c.batch_id, sends.c.calls).where(sends.c.batch_id.in_(integer_members(connection, everyone)))
    )
    sent = {row.batch_id: row.calls for row in rows}
    return {batch_id: next((sent[each] for each in chain if each in sent), 0) for batch_id, chain in chains.items()}


def stored_uuids(connection: Connection, batch_ids: Sequence[int]) -> dict[str, str]:
    """The phonon-uuids of the batches and of those they were made from, with their client-identifiers."""
    everyone = {each for chain in lineages(connection, batch_ids).values() for each in chain}
    rows = connection.execute(
        select(batches.c.phonon_uuids).where(
            batches.c.id.in_(integer_members(connection, sorted(everyone))), batches.c.phonon_uuids.is_not(None)
        )
    )
    return {uuid: name for packed in rows.scalars() for name, uuid in _unpacked(packed).items() if uuid}


def _by_batch(rows: Iterable[Any]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for batch_id, name in rows:
        found[batch_id].append(name)
    return found


def _unpacked(packed: bytes) -> dict[str, str]:
    uuids: dict[str, str] = orjson.loads(zlib.decompress(packed))
    return uuids
