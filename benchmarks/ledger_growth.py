"""How large the ledger grows by a million calls, and what forgetting gives back; and what it reads whole.

``python -m benchmarks.ledger_growth --calls 1000000``. Calls are planned as a campaign plans them, answered here
with a uuid for each, as real time gives it; days pass on a clock of the benchmark's own. Then another interval is
planned, sent and reported while the database is asked how it carries out each statement.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
from sqlalchemy import Engine as Database
from sqlalchemy import event, make_url, text

from benchmarks.double import HIGHEST_NUMBER
from benchmarks.places import Engine, Place, place_of
from phonon.api.endpoints import Endpoint
from phonon.campaign.purposes import Purpose
from phonon.contacts.columns import ContactColumns
from phonon.ledger.budget import RateLimit
from phonon.ledger.lookups import calls_of
from phonon.ledger.outbox import Answered, Batch, Envelope, Outcome, Sender, candidates, record, take
from phonon.ledger.report import held_batches, open_calls, result_rows, run_figures, totals
from phonon.ledger.retention import Retention, forget
from phonon.ledger.schema import metadata
from phonon.ledger.space import bytes_used, give_back
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planner
from phonon.planning.rules import PlanningRules

_DAY = 24 * 3600.0
_NOON = datetime(2026, 11, 24, 6, 30, tzinfo=UTC).timestamp()
_CHUNK = 10_000
_WAVE = 40
_PLENTY = RateLimit(Endpoint.BULK, "account", 10**9)
_BY_TABLE_SQLITE = (
    "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_schema m ON m.name = s.name GROUP BY 1"
)
_WHOLE = re.compile(r"(?:SCAN|Seq Scan on) (phonon_ledger_(?:calls|batches|sends|number_uses|rejects))\b")


class Clock:
    """Seconds since the epoch, which the benchmark moves."""

    def __init__(self) -> None:
        self.seconds = _NOON

    def __call__(self) -> float:
        """Give them."""
        return self.seconds


class Growth:
    """One ledger in one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.clock = Clock()
        self.ledger = Ledger(make_url(place.ledger_url), clock=self.clock)

    def grow(self, calls: int, interval_key: str) -> int:
        """Plan and settle so many calls; gives their interval."""
        rules = PlanningRules("growth", "abcdEF12", Endpoint.BULK, "1.0", Purpose.SERVICE.preset)
        columns = ContactColumns("id", ("mobile",), {"Name": "name", "DueDate": "due", "Amount": "amount"})
        planner = Planner(self.ledger, rules, columns, run_id=interval_key, log=logging.getLogger("growth"))
        planned = planner.plan(interval_key, _contacts(calls, interval_key))
        while self._send(planned.interval_id, interval_key):
            pass
        return planned.interval_id

    def _send(self, interval_id: int, run_id: str) -> bool:
        sender = Sender(run_id, "benchmark", 90.0)
        with self.ledger.transaction() as connection:
            found = candidates(connection, interval_id, now=self.clock(), most=_WAVE)
            envelopes = [Envelope(batch, "0" * 64, len(batch.frozen)) for batch in found]
            taken = take(connection, envelopes, sender=sender, limit=_PLENTY, now=self.clock()).taken
            names = calls_of(connection, [batch.id for batch in taken])
        with self.ledger.transaction() as connection:
            outcomes = [_accepted(batch, names[batch.id]) for batch in taken]
            record(connection, outcomes, run_id=run_id, now=self.clock())
        return bool(taken)

    def report(self, interval_id: int, run_id: str) -> None:
        """Read what a push of results reads."""
        for _ in result_rows(self.ledger, interval_id, chunk_rows=_CHUNK):
            pass
        with self.ledger.transaction() as connection:
            totals(connection, interval_id)
            run_figures(connection, interval_id, run_id)
            held_batches(connection, interval_id)
            open_calls(connection, interval_id)

    def sizes(self) -> dict[str, int]:
        """Bytes of each table with its indexes."""
        with self.ledger.transaction(read_only=True) as connection:
            if self.place.engine is Engine.EMBEDDED:
                return {row[0]: int(row[1]) for row in connection.execute(text(_BY_TABLE_SQLITE))}
            query = text("SELECT pg_total_relation_size(:name)")
            return {name: int(connection.execute(query, {"name": name}).scalar_one()) for name in metadata.tables}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger_growth", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    given = parser.parse_args(arguments)
    for engine in Engine:
        with tempfile.TemporaryDirectory() as folder, place_of(engine, Path(folder)) as place:
            _measure(Growth(place), given.calls)
    return 0


def _measure(growth: Growth, calls: int) -> None:
    def tell(what: str, seconds: float | None = None) -> None:
        used = bytes_used(growth.ledger)
        took = "" if seconds is None else f"{seconds:>9.1f} s"
        print(f"  {what:<44}{used / 1024**2:>9.1f} MB{used / calls:>8.0f} bytes a call{took}", flush=True)

    print(f"\n{growth.place.engine.value}, {calls:,} calls")
    began = time.monotonic()
    interval = growth.grow(calls, "first")
    tell("planned and sent", time.monotonic() - began)
    for table, size in sorted(growth.sizes().items(), key=lambda each: -each[1])[:6]:
        print(f"      {table:<36}{size / 1024**2:>9.1f} MB")
    began = time.monotonic()
    growth.report(interval, "first")
    tell("read for the results table", time.monotonic() - began)
    for days, what in ((8, "numbers erased after a week"), (400, "hashes and sends forgotten after 400 days")):
        growth.clock.seconds += days * _DAY
        began = time.monotonic()
        forgotten = forget(growth.ledger, Retention())
        tell(what, time.monotonic() - began)
        began = time.monotonic()
        give_back(growth.ledger)
        tell("  room given back", time.monotonic() - began)
        print(f"      {forgotten}")
    _tell_plans(growth, interval)
    began = time.monotonic()
    give_back(growth.ledger, whole=True)
    tell("written anew as a whole", time.monotonic() - began)
    growth.ledger.close()


def _tell_plans(growth: Growth, interval: int) -> None:
    """Say which statements read a whole large table, of those of another interval and of reporting the first."""
    with _statements() as seen:
        growth.grow(2 * _CHUNK, "second")
        growth.report(interval, "first")
        forget(growth.ledger, Retention())
    whole: dict[str, list[str]] = {}
    with growth.ledger.transaction() as connection:
        explain = "EXPLAIN QUERY PLAN" if growth.place.engine is Engine.EMBEDDED else "EXPLAIN"
        for statement, parameters in seen.items():
            rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
            if found := _WHOLE.findall("\n".join(str(row) for row in rows)):
                whole[statement] = found
    print(f"  of {len(seen)} statements these read a whole large table:")
    for statement, tables in whole.items():
        print(f"      {', '.join(tables)}: {' '.join(statement.split())[:150]}")


@contextmanager
def _statements() -> Iterator[dict[str, Any]]:
    seen: dict[str, Any] = {}

    def note(_1: Any, _2: Any, statement: str, parameters: Any, _3: Any, many: bool) -> None:
        if "phonon_ledger_" in statement and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b", statement):
            seen.setdefault(statement, parameters[0] if many else parameters)

    event.listen(Database, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Database, "before_cursor_execute", note)


def _contacts(calls: int, key: str) -> Iterator[pd.DataFrame]:
    for first in range(0, calls, _CHUNK):
        numbers = range(first, min(first + _CHUNK, calls))
        yield pd.DataFrame(
            {
                "id": [f"{key}-{number}" for number in numbers],
                "mobile": [str(HIGHEST_NUMBER - number) for number in numbers],
                "name": "Asha",
                "due": "2026-12-01",
                "amount": [str(number * 7 % 9973) for number in numbers],
            },
            dtype=object,
        )


def _accepted(batch: Batch, names: Sequence[str]) -> Outcome:
    uuids = {name: str(uuid4()) for name in names}
    answered = Answered(
        sent=True, outcome="accepted", http_status=200, code=200, request_id=uuid4().hex, phonon_uuids=uuids
    )
    return Outcome(batch, BatchState.ACCEPTED, batch.past, None, batch.attempts + 1, answered)


if __name__ == "__main__":
    sys.exit(main())
