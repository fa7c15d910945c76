"""Several campaigns, accounts and senders around one ledger and one stand-in Phonon."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import requests
from sqlalchemy import func, select

from phonon.api.connection import ConnectionSettings
from phonon.api.transport import Transport
from phonon.campaign.job import Sent
from phonon.dispatch.process import Ending
from phonon.ledger.schema import batches, sends
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger
from simulator.running import Handle
from trial import SECURITY_ID, Trial

_LONGEST_SECONDS = 60


@dataclass
class Office(Trial):
    """A trial with an account of its choice, whose name is its campaign's."""

    security_id: str = SECURITY_ID
    name: str = "trial"

    def __post_init__(self) -> None:
        self.folder = self.folder / self.name
        self.folder.mkdir(exist_ok=True)
        self.keys = {**self.keys, "name": self.name}
        super().__post_init__()

    @property
    def settings(self) -> ConnectionSettings:
        return replace(super().settings, security_id=self.security_id)


class SenderThread(threading.Thread):
    """A sender of an office in a thread of this process, with a ledger and sockets of its own."""

    def __init__(self, office: Trial, run_id: str, *, together: threading.Barrier) -> None:
        super().__init__(name=run_id, daemon=True)
        self.ending = Ending()
        self.error: BaseException | None = None
        self.sent: Sent | None = None
        self._office = office
        self._run_id = run_id
        self._together = together

    def run(self) -> None:
        settings = self._office.settings
        session = requests.Session()
        session.trust_env = False
        ledger = Ledger(self._office.ledger_url)
        try:
            job = self._office.job(self._run_id, ledger=ledger)
            self._together.wait(_LONGEST_SECONDS)
            self.sent = job.trigger_calls(
                settings, lambda: Transport(session, settings.urls, settings.timeout), self.ending
            )
        except BaseException as error:  # noqa: BLE001 - it belongs to the test, not to the thread
            self.error = error
        finally:
            ledger.close()

    def finish(self) -> Sent:
        """Wait for its end; gives what it reports or raises what ended it."""
        self.join(_LONGEST_SECONDS)
        assert not self.is_alive(), "a sender does not come to an end"
        if self.error is not None:
            raise self.error
        assert self.sent is not None
        return self.sent


def start_threads(senders: Sequence[tuple[Trial, str]]) -> list[SenderThread]:
    """Start a sender of each office and run id, all at once."""
    together = threading.Barrier(len(senders))
    threads = [SenderThread(office, run_id, together=together) for office, run_id in senders]
    for thread in threads:
        thread.start()
    return threads


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that other threads or processes bring about."""
    end = time.monotonic() + _LONGEST_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it never came about: {what}"
        time.sleep(0.02)


def assert_all_books_agree(phonon: Handle, offices: Iterable[Trial]) -> None:
    """Hold the results of several campaigns, which were pushed, against what their common stand-in accepted."""
    accepted = Counter(call.client_identifier for call in phonon.accepted())
    assert not [name for name, times in accepted.items() if times > 1], "a person was called twice"
    shown: set[str] = set()
    held: set[str] = set()
    for office in offices:
        results = office.results()
        assert len(results) == office.contacts, "a contact is lost"
        shown |= {row["client_identifier"] for row in results if row["status"] in {"accepted", "accepted_earlier"}}
        held |= {row["client_identifier"] for row in results if row["status"] == "held"}
    assert shown <= accepted.keys(), "a row says accepted and Phonon never accepted it"
    assert accepted.keys() <= shown | held, "an accepted call is shown as something else"


def assert_each_batch_was_sent_once(office: Trial, phonon: Handle) -> set[str]:
    """Every request that the stand-in saw is the one send of one batch; gives the runs that sent some."""
    ledger = Ledger(office.ledger_url)
    try:
        with ledger.transaction(read_only=True) as connection:
            sent = connection.execute(select(sends.c.batch_id, sends.c.run_id)).all()
            states = connection.execute(select(batches.c.state, func.count()).group_by(batches.c.state)).all()
    finally:
        ledger.close()
    assert max(Counter(row.batch_id for row in sent).values()) == 1, "a batch was sent by two"
    assert [state for state, _ in states] == [BatchState.ACCEPTED]
    assert len(sent) == states[0][1] == phonon.summary()["requests"]
    return {row.run_id for row in sent}
