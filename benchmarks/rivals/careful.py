"""The careful script: rows in chunks, orjson, sixteen requests at a time on one event loop, results in bulk.

What a good engineer writes in a day when only speed is asked for. Left out: repeated contacts, limits, calling
hours, the rate limit, what to do without an answer, a record of what was sent, so a second start calls everybody
again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import aiohttp
import orjson

from benchmarks.rivals.warehouses import RESULTS, connect, is_file

_MOBILE = re.compile(r"(?:\+?91|0)?([6-9]\d{9})")
Row = tuple[str, str, str, str]


def batches(cursor: Any) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The calls of the contacts with a number, 500 at a time."""
    cursor.execute("SELECT contact_id, mobile, first_name, due_date, amount FROM bench_contacts")
    while rows := cursor.fetchmany(500):
        calls = []
        for contact_id, mobile, first_name, due_date, amount in rows:
            number = _MOBILE.fullmatch(mobile)
            if number is None:
                continue
            call = {
                "client-identifier": f"bench-{hashlib.blake2b(contact_id.encode(), digest_size=20).hexdigest()}",
                "start-time": "2026-12-01T10:00:00+05:30",
                "contact-numbers": ["91" + number[1]],
                "keys": [
                    {"name": "$flow.key.Name", "value": first_name},
                    {"name": "$flow.key.DueDate", "value": due_date.isoformat()},
                    {"name": "$flow.key.Amount", "value": str(amount)},
                ],
            }
            calls.append((contact_id, call))
        yield calls


async def send_all(url: str, cursor: Any) -> list[Row]:
    """Send every batch, sixteen at a time."""
    results: list[Row] = []
    todo = batches(cursor)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:

        async def work() -> None:
            for batch in todo:
                results.extend(await send(session, url, batch))

        await asyncio.gather(*(work() for _ in range(16)))
    return results


async def send(session: aiohttp.ClientSession, url: str, batch: list[tuple[str, dict[str, Any]]]) -> list[Row]:
    """One request; gives the rows of its calls."""
    body = orjson.dumps(
        {
            "api-version": "1.0",
            "security-id": "BeNc" * 16,
            "flow-id": "bEnchm4k",
            "calls": [call for _, call in batch],
        }
    )
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        answer.raise_for_status()
        request_id = orjson.loads(await answer.read())["request-id"]
    return [(contact_id, call["client-identifier"], "accepted", request_id) for contact_id, call in batch]


def main(warehouse: str, url: str) -> None:
    """Call everybody."""
    reading = connect(warehouse)
    cursor = reading.cursor() if is_file(warehouse) else reading.cursor(name="contacts")
    results = asyncio.run(send_all(url, cursor))
    reading.close()
    with connect(warehouse) as connection:
        write(connection, results, bulk=is_file(warehouse))


def write(connection: Any, results: list[Row], *, bulk: bool) -> None:
    """Write the results in bulk: from Arrow into DuckDB, or by COPY."""
    connection.execute(f"CREATE TABLE phonon_call_results {RESULTS}")
    if bulk:
        import pyarrow as pa  # noqa: PLC0415 - only DuckDB needs it

        names = ("contact_id", "client_identifier", "status", "request_id")
        columns = {name: [row[place] for row in results] for place, name in enumerate(names)}
        connection.register("incoming", pa.table(columns))
        connection.execute("INSERT INTO phonon_call_results SELECT * FROM incoming")
        return
    with connection.cursor().copy("COPY phonon_call_results FROM STDIN") as copy:
        copy.write("".join("\t".join(row) + "\n" for row in results))


if __name__ == "__main__":
    main(*sys.argv[1:])
