"""How much of the limit a long run uses: several processes with one PostgreSQL ledger send in real time.

``python -m benchmarks.limit --minutes 5 --senders 3``. The stand-in Phonon has the same limit, so it would refuse
a call that comes too early. Ends by itself after the given minutes; what is not sent by then stays unsent.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from importlib import import_module
from urllib.request import urlopen
from zoneinfo import ZoneInfo

import requests
from sqlalchemy import make_url

from demo.world import PROJECT, World, summary_of
from phonon.api.endpoints import Endpoint
from phonon.api.request import encode_call, encode_start_time, freeze
from phonon.api.transport import Timeout, Transport
from phonon.calling_window import EVERY_DAY, CallingWindow
from phonon.dispatch.dispatcher import Dispatcher
from phonon.dispatch.flights import Flights
from phonon.dispatch.process import Ending
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import SendingRules
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import NewBatch, NewCall, add_batch, begin_plan, finish_plan
from phonon.ledger.store import Ledger
from phonon.planning.rules import calls_per_batch
from phonon.planning.start_times import last_sending_time

_SECURITY_ID = "BeNc" * 16
_ALWAYS = CallingWindow(clock_time(), clock_time.max, EVERY_DAY, ZoneInfo("Asia/Kolkata"))


@dataclass(frozen=True)
class Sending:
    """What each sending process has to know."""

    ledger_url: str
    phonon_url: str
    per_minute: int
    interval_id: int
    calls: int

    def run(self, run_id: str) -> None:
        """Send until all is sent, or until SIGTERM."""
        ending = Ending()

        def end(_signal: int, _frame: object) -> None:
            ending.asked = True

        signal.signal(signal.SIGTERM, end)
        session = requests.Session()
        session.trust_env = False
        ledger = Ledger(make_url(self.ledger_url))
        account = ledger.account(_SECURITY_ID)
        rules = SendingRules(_ALWAYS, {each: RateLimit(each, account, self.per_minute) for each in Endpoint})
        urls = {each: f"{self.phonon_url}/{each}/kairos-apis/outbound/create" for each in Endpoint}
        flights = Flights(Transport(session, urls, Timeout()), max_in_flight=rules.max_in_flight)
        log = logging.getLogger(run_id)
        sender = Dispatcher(ledger, flights, rules, security_id=_SECURITY_ID, run_id=run_id, log=log, ending=ending)
        sender.send(self.interval_id, Progress(log, self.calls, self.per_minute))
        ledger.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0 if no 60 seconds held more than the limit and at least 98 % of it was used."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--senders", type=int, default=3)
    parser.add_argument("--limit", type=int, default=600, help="calls a minute")
    given = parser.parse_args(arguments)
    world = World(PROJECT / ".demo" / "limit")
    shutil.rmtree(world.folder, ignore_errors=True)
    world.folder.mkdir(parents=True)
    limit = str(given.limit)
    with _postgres() as ledger_url, world.phonon("--bulk-per-minute", limit) as phonon_url:
        sending = _plan(ledger_url, phonon_url, given.limit, int(given.limit * (given.minutes + 2)))
        print(f"{given.senders} processes send for {given.minutes:g} minutes at {limit} calls/min ...", flush=True)
        cpu = _send(sending, given.senders, given.minutes * 60)
        times = _arrivals(phonon_url)
        summary = summary_of(phonon_url)
    return _report(times, summary, given.limit, cpu)


def _plan(ledger_url: str, phonon_url: str, per_minute: int, calls: int) -> Sending:
    size = calls_per_batch(per_minute, counts_requests=False)
    ledger = Ledger(make_url(ledger_url))
    start = datetime.now(UTC).replace(microsecond=0)
    now = start.timestamp()
    with ledger.transaction() as connection:
        plan = begin_plan(connection, campaign="limit", interval_key="1", run_id="plan", now=now)
        for first in range(0, calls, size):
            names = [f"limit-{number}" for number in range(first, first + size)]
            encoded = [encode_call(name, encode_start_time(start), ["919999900000"], []) for name in names]
            claims = [NewCall(name, name, "0000", now, ()) for name in names]
            batch = NewBatch(
                Endpoint.BULK, "1.0", "abcdEF12", freeze(encoded), last_sending_time(start).timestamp(), claims
            )
            add_batch(connection, plan, batch, now)
        finish_plan(connection, plan, rows_read=calls, planned=calls, now=now)
    ledger.close()
    return Sending(ledger_url, phonon_url, per_minute, plan.interval_id, calls)


def _send(sending: Sending, senders: int, seconds: float) -> float:
    """Have processes send for so many seconds; gives the part of one core that they took."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=sending.run, args=(f"run-{number}",)) for number in range(senders)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    for process in processes:
        process.start()
    time.sleep(seconds)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / (time.monotonic() - began)


def _arrivals(phonon_url: str) -> list[datetime]:
    """When each accepted call arrived."""
    with urlopen(f"{phonon_url}/simulator/accepted") as answer:
        return sorted(datetime.fromisoformat(json.loads(line)["received_at"]) for line in answer if line.strip())


def _report(times: Sequence[datetime], summary: dict[str, object], per_minute: int, cpu: float) -> int:
    if len(times) <= per_minute:
        print("Too few calls to measure: give more minutes.")
        return 1
    minutes = Counter((at - times[0]) // timedelta(minutes=1) for at in times)
    print(f"\n{'minute':>8}{'calls':>8}{'of the limit':>15}")
    for minute, calls in sorted(minutes.items()):
        print(f"{minute + 1:>8}{calls:>8}{calls / per_minute:>15.1%}")
    # From the first call of the first minute to the first that the limit put into the last.
    whole = (len(times) - 1) // per_minute
    used = whole * 60 / (times[whole * per_minute] - times[0]).total_seconds()
    highest = max(_by_account(summary, "highest_in_any_minute"))
    print(f"\nhighest in any 60 s at the stand-in: {highest} of {per_minute}")
    print(f"answers of the stand-in by HTTP status: {summary['requests_by_status']}")
    print(f"use of the limit in the long run: {used:.1%}")
    print(f"CPU of all senders together: {cpu:.1%} of one core")
    return 0 if highest <= per_minute and used >= 0.98 else 1


def _by_account(summary: dict[str, object], key: str) -> list[int]:
    by_endpoint: dict[str, dict[str, int]] = json.loads(json.dumps(summary[key]))
    return [highest for accounts in by_endpoint.values() for highest in accounts.values()]


@contextmanager
def _postgres() -> Iterator[str]:
    # That of the tests, which are not type-checked.
    server = import_module("tests.postgres_server").PostgresServer()
    server.start()
    try:
        yield server.create_database().url
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
