"""The life of a ledger in small steps, a Phonon that counts whom it calls, and backups of the ledger."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import URL, Connection, create_engine, func, insert, select, text

from ledger.promises import Clock, sender, settle
from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.contacts.cleaning import ContactColumns
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import find_interval
from phonon.ledger.outbox import Answered, Batch, Envelope, Outcome, candidates, recover, take
from phonon.ledger.pauses import EVERYTHING, pause, resume
from phonon.ledger.report import result_rows
from phonon.ledger.schema import PREFIX, metadata
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planner
from phonon.planning.rules import PlanningRules
from phonon.review.desk import ReviewDesk
from phonon.review.evidence import read_evidence
from phonon.review.restoring import Restored, RestoreDesk
from planning.windows import ALWAYS
from review.holding import ASHA

DAYS = ("day 1", "day 2")
PEOPLE = 6
HEADER = "client-identifier,phonon-uuid,request-id"
_RULES = PlanningRules("trial", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS, per_number=None, calls_per_batch=2)
_COLUMNS = ContactColumns("id", ("mobile",), {})
_WIDE = RateLimit(Endpoint.BULK, "account", 1_000_000)


@dataclass
class CountingPhonon:
    """Accepts whatever comes, and does not notice a repeated body, as bulk may not."""

    accepted: list[tuple[str, str]] = field(default_factory=list)
    """Client-identifier and request-id of each call."""
    requests: int = 0

    def receive(self, batch: Batch) -> str:
        """Give the request-id."""
        self.requests += 1
        request_id = f"request-{self.requests}"
        self.accepted += [(call["client-identifier"], request_id) for call in thaw(batch.frozen)]
        return request_id

    def names(self) -> Counter[str]:
        return Counter(name for name, _ in self.accepted)

    def report(self) -> str:
        """All accepted calls, as Phonon's report."""
        rows = [f"{name},uuid-{number},{request}" for number, (name, request) in enumerate(self.accepted)]
        return "\n".join([HEADER, *rows])


class Life:
    """A ledger and its Phonon. Every step takes a minute. What is unknown is held, as on bulk."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.phonon = CountingPhonon()
        self.clock = Clock()
        self.ledger = Ledger(url, clock=self.clock)

    def plan(self, day: str, people: int = PEOPLE) -> None:
        """Plan the first contacts of a day."""
        self.clock.seconds += 60
        numbers = [f"919999900{i:03}" for i in range(people)]
        frame = pd.DataFrame({"id": [f"C{i}" for i in range(people)], "mobile": numbers})
        log = logging.getLogger("life")
        Planner(self.ledger, _RULES, _COLUMNS, run_id="run-1", log=log).plan(day, [frame])

    def send(self, day: str, fate: str, *, most: int = 1) -> int:
        """Send batches of a day that meet this fate; gives how many."""
        self.clock.seconds += 60
        now = self.clock()
        with self.ledger.transaction() as connection:
            interval = find_interval(connection, "trial", day)
            recover(connection, interval, run_id="run-1", now=now, is_dead=lambda _: True)
            found = candidates(connection, interval, now=now, most=most)
            envelopes = [Envelope(batch, "sha", 100) for batch in found if batch.state is BatchState.PENDING]
            taken = take(connection, envelopes, sender=sender(), limit=_WIDE, now=now).taken
        unknown = [batch for batch in found if batch.state is BatchState.UNKNOWN]
        held = [Outcome(batch, BatchState.HELD, batch.past, "no answer", batch.attempts) for batch in unknown]
        assert not settle(self.ledger, *held)
        for batch in taken:
            self._meet(batch, fate)
        return len(found)

    def release(self) -> None:
        """Release the held batches of which Phonon has received nothing, as a person does who looked."""
        self.clock.seconds += 60
        desk, names = ReviewDesk(self.ledger), self.phonon.names()
        for case in desk.waiting():
            if case.is_held and not names.keys() & self.names_of(case.batch_id):
                desk.release([case.batch_id], "not received", ASHA)

    def names_of(self, batch_id: int) -> set[str]:
        return {row["client_identifier"] for row in self.rows() if row["batch_id"] == str(batch_id)}

    def run_again(self) -> None:
        """Run every interval again, with a Phonon that answers."""
        for day in DAYS:
            self.plan(day)
            while self.send(day, "accepted", most=100):
                pass

    def restored(self, report: str | None = None) -> Restored:
        """What the person on duty does after a restore."""
        with self.ledger.transaction() as connection:
            pause(connection, EVERYTHING, by="asha", reason="restored", now=self.clock())
        evidence = read_evidence(self.phonon.report() if report is None else report)
        done = RestoreDesk(self.ledger).settle(evidence, "disk broken", ASHA)
        with self.ledger.transaction() as connection:
            resume(connection, EVERYTHING, by="asha", now=self.clock())
        return done

    def rows(self) -> list[Mapping[str, Any]]:
        with self.ledger.transaction() as connection:
            intervals = [find_interval(connection, "trial", day) for day in DAYS]
        return [
            row for each in intervals for chunk in result_rows(self.ledger, each, chunk_rows=100) for row in chunk
        ]

    def assert_nobody_called_twice_and_nothing_lost(self) -> None:
        names = self.phonon.names()
        assert not [name for name, times in names.items() if times > 1], "a person was called twice"
        shown = {row["client_identifier"]: row["status"] for row in self.rows()}
        assert names.keys() <= shown.keys(), "an accepted call is not shown"
        assert {shown[name] for name in names} <= {"accepted", "accepted_earlier", "held"}
        assert {name for name, status in shown.items() if status.startswith("accepted")} <= names.keys()

    def back_up(self) -> Callable[[], None]:
        """Copy the ledger; gives what restores it."""
        return back_up(self.url)

    def lose(self) -> None:
        """Lose the ledger, and open a new one."""
        self.ledger.close()
        lose(self.url)
        self.ledger = Ledger(self.url, clock=self.clock)

    def restore(self, backup: Callable[[], None]) -> None:
        """Put a backup in the place of the ledger, and open it."""
        self.lose()
        self.ledger.close()
        backup()
        self.ledger = Ledger(self.url, clock=self.clock)

    def _meet(self, batch: Batch, fate: str) -> None:
        arrived = fate not in {"lost", "killed before", "refused"}
        request_id = self.phonon.receive(batch) if arrived else None
        if fate.startswith("killed"):
            return
        if fate == "refused":
            refused = Answered(sent=True, outcome="top up", http_status=200, code=212)
            past = batch.past.after_refusal(whole=True)
            outcome = Outcome(batch, BatchState.PENDING, past, "no balance", 1, refused)
        elif fate == "accepted":
            yes = Answered(sent=True, outcome="accepted", http_status=200, code=200, request_id=request_id)
            outcome = Outcome(batch, BatchState.ACCEPTED, batch.past, None, 1, yes)
        else:
            state = BatchState.UNKNOWN if fate == "unknown" else BatchState.HELD
            silence = Answered(sent=True, outcome="unknown")
            outcome = Outcome(batch, state, batch.past.after_silence(), "no answer", 1, silence)
        assert not settle(self.ledger, outcome)


FATES = ("accepted", "lost", "unheard", "unknown", "killed", "killed before", "refused")


def back_up(url: URL) -> Callable[[], None]:
    """Copy a ledger; gives what restores it, where it was and is not any more."""
    return _back_up_file(url) if url.get_backend_name() == "sqlite" else _back_up_tables(url)


def lose(url: URL) -> None:
    """Leave nothing of a ledger."""
    if url.get_backend_name() == "sqlite":
        for ending in ("", "-wal", "-shm"):
            Path(f"{url.database}{ending}").unlink(missing_ok=True)
        return
    engine = create_engine(url)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {PREFIX}version"))
    engine.dispose()


def _back_up_file(url: URL) -> Callable[[], None]:
    live, copy = Path(str(url.database)), Path(f"{url.database}.backup")
    copy.unlink(missing_ok=True)
    _copy(live, copy)
    return lambda: _copy(copy, live)


def _copy(source: Path, target: Path) -> None:
    target.touch(mode=0o600)
    live = sqlite3.connect(source)
    with closing(live), closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def _back_up_tables(url: URL) -> Callable[[], None]:
    engine = create_engine(url)
    with engine.begin() as connection:
        kept = {table: connection.execute(select(table)).mappings().all() for table in metadata.sorted_tables}
    engine.dispose()

    def restore() -> None:
        Ledger(url).close()  # makes the tables
        engine = create_engine(url)
        with engine.begin() as connection:
            for table, rows in kept.items():
                connection.execute(table.delete())
                if rows:
                    connection.execute(insert(table), [dict(row) for row in rows])
                    _go_on_counting(connection, table)
        engine.dispose()

    return restore


def _go_on_counting(connection: Connection, table: Any) -> None:
    if "id" in table.c:
        counter = func.pg_get_serial_sequence(table.name, "id")
        connection.execute(select(func.setval(counter, select(func.max(table.c.id)).scalar_subquery())))
