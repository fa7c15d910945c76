"""More than one machine: a CeleryExecutor, two workers, and one of them killed in the middle of a campaign.

``python -m benchmarks.scale_out``. The broker is a Valkey, metadata, ledger and warehouse are in a PostgreSQL, and
each worker runs one task at a time, so that two shards need two workers. The stand-in Phonon has no limit and
answers after half a second. Returns 0 if all books agree: every contact was called once, and its row says so.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from benchmarks.celery_airflow import HEARTBEAT_TIMEOUT_SECONDS, CeleryAirflow, celery_airflow, wait_for
from benchmarks.places import QUERY, Engine, Place
from demo.world import PROJECT, SECURITY_ID, World, accepted_by, summary_of

_DELAY_MS = 500
_NO_LIMIT = 1_000_000_000
_RUN_SECONDS = 900
_ACCEPTED = {"accepted", "accepted_earlier"}
_FEW, _MANY = 2, 16


@dataclass(frozen=True)
class Trial:
    """A campaign to measure. ``in_flight``: requests at a time of each sender."""

    name: str
    workers: int
    in_flight: int
    killed: bool = False

    @property
    def connection(self) -> str:
        """The id of its connection to Phonon."""
        return f"phonon_{self.in_flight}_in_flight"

    @property
    def campaign(self) -> str:
        """Its file. Real time, on which an unknown batch is sent again: nothing is left to a person."""
        return json.dumps(
            {
                "name": self.name,
                "contacts": QUERY,
                "contact_id": "contact_id",
                "numbers": ["mobile"],
                "variables": {"Name": "first_name", "DueDate": "due_date", "Amount": "amount"},
                "flow_id": "bEnchm4k",
                "endpoint": "realtime",
                "phonon_conn_id": self.connection,
                "limits": {"per_number": None},
                "shards": self.workers,
                "approval": None,
            }
        )


@dataclass(frozen=True)
class Measured:
    """What came of a trial."""

    trial: Trial
    calls_a_second: float
    seconds: float
    batches: list[int]
    """How many each sender sent last."""
    statuses: Counter[str]
    tries: list[int]
    """Of each instance of trigger_calls."""
    problems: list[str]
    from_kill_to_end: float | None


_TRIALS = (
    Trial("one_worker_that_waits", 1, _FEW),
    Trial("one_worker_that_is_busy", 1, _MANY),
    Trial("two_workers_that_wait", 2, _FEW),
    Trial("two_workers_that_are_busy", 2, _MANY),
    Trial("one_of_two_workers_killed", 2, _FEW, killed=True),
)


class Office:
    """The running parts, and the database of warehouse and ledger."""

    def __init__(self, airflow: CeleryAirflow, phonon_url: str, database: Any, contacts: int) -> None:
        self._airflow = airflow
        self._client = airflow.client()
        self._phonon_url = phonon_url
        self._database = database
        self._contacts = contacts

    def measure(self, trial: Trial) -> Measured:
        """Run a campaign to its end."""
        already = set(accepted_by(self._phonon_url))
        before = self._accepted()
        wait_for(lambda: self._client.has_dag(trial.name), f"Airflow knows {trial.name}", seconds=180)
        run_id = self._client.trigger(trial.name)
        killed_at = self._kill_in_the_middle(before) if trial.killed else None
        ended = f"{trial.name} has ended"
        wait_for(lambda: self._client.has_ended(trial.name, run_id), ended, seconds=_RUN_SECONDS)
        end = time.monotonic()
        statuses, rows = self._results(trial)
        problems = _differences(rows, [each for each in accepted_by(self._phonon_url) if each not in already])
        if self._client.run_state(trial.name, run_id) != "success":
            problems.append("the run did not succeed")
        if statuses.total() != self._contacts or len(rows) != self._contacts:
            problems.append(f"{statuses.total()} rows, {len(rows)} accepted, of {self._contacts} contacts")
        speed, seconds = self._speed(trial)
        tries = [task["try_number"] for task in self._client.mapped_tasks(trial.name, run_id, "trigger_calls")]
        since_kill = None if killed_at is None else end - killed_at
        return Measured(trial, speed, seconds, self._batches(trial), statuses, tries, problems, since_kill)

    def _kill_in_the_middle(self, before: int) -> float:
        enough = before + self._contacts * 3 // 10
        wait_for(lambda: self._accepted() >= enough, "30 % are called", seconds=_RUN_SECONDS)
        processes = self._airflow.kill_worker("worker-1")
        done = (self._accepted() - before) / self._contacts
        print(f"  killed worker-1 with SIGKILL ({processes} processes) when {done:.0%} were called", flush=True)
        return time.monotonic()

    def _accepted(self) -> int:
        return int(str(summary_of(self._phonon_url)["accepted_calls"]))

    def _results(self, trial: Trial) -> tuple[Counter[str], list[str]]:
        rows = self._database.execute(
            "SELECT status, client_identifier FROM phonon_call_results WHERE campaign = %s", trial.name
        )
        return Counter(status for status, _ in rows), [name for status, name in rows if status in _ACCEPTED]

    def _speed(self, trial: Trial) -> tuple[float, float]:
        query = (
            "SELECT (accepted + accepted_earlier) / greatest(seconds, 0.001), seconds "
            "FROM phonon_campaign_runs WHERE campaign = %s"
        )
        ((speed, seconds),) = self._database.execute(query, trial.name)
        return float(speed), float(seconds)

    def _batches(self, trial: Trial) -> list[int]:
        rows = self._database.execute(
            "SELECT count(*) FROM phonon_ledger_batches b JOIN phonon_ledger_intervals i ON i.id = b.interval_id "
            "WHERE i.campaign = %s GROUP BY b.owner ORDER BY 1 DESC",
            trial.name,
        )
        return [int(count) for (count,) in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_out", description=__doc__)
    parser.add_argument("--contacts", type=int, default=60_000)
    contacts = parser.parse_args(arguments).contacts
    world = World(PROJECT / ".demo" / "scale_out")
    shutil.rmtree(world.folder, ignore_errors=True)
    world.airflow_home.mkdir(parents=True)
    campaigns = world.folder / "campaigns"
    campaigns.mkdir()
    for trial in _TRIALS:
        (campaigns / f"{trial.name}.yaml").write_text(trial.campaign, encoding="utf-8")
    # That of the tests, which are not type-checked.
    server = import_module("tests.postgres_server").PostgresServer()
    server.start()
    try:
        measured = _measure_all(world, server, contacts)
    finally:
        server.stop()
    _print(measured, contacts)
    return 1 if any(each.problems for each in measured) else 0


def _measure_all(world: World, server: Any, contacts: int) -> list[Measured]:
    metadata, database = server.create_database(), server.create_database()
    place = Place(Engine.POSTGRES, world.folder, database.dsn)
    place.fill(contacts)
    limits = ("--realtime-per-minute", "0", "--delay-ms", str(_DELAY_MS))
    with world.phonon(*limits) as phonon_url:
        environment = _environment(world, phonon_url, place)
        print("starting Airflow and the first worker ...", flush=True)
        with celery_airflow(world.folder, environment, metadata) as airflow:
            office = Office(airflow, phonon_url, database, contacts)
            measured = []
            for trial in _TRIALS:
                while airflow.workers < trial.workers:
                    airflow.start_worker(f"worker-{airflow.workers + 1}")
                print(f"{trial.name}: {contacts:,} contacts ...", flush=True)
                measured.append(office.measure(trial))
            return measured


def _environment(world: World, phonon_url: str, place: Place) -> dict[str, str]:
    environment = world.environment(phonon_url)
    phonon = json.loads(environment["AIRFLOW_CONN_PHONON_DEFAULT"])
    for in_flight in (_FEW, _MANY):
        extra = {**phonon["extra"], "realtime_per_minute": _NO_LIMIT, "max_in_flight": in_flight}
        connection = {"conn_type": "phonon", "password": SECURITY_ID, "extra": extra}
        environment[f"AIRFLOW_CONN_PHONON_{in_flight}_IN_FLIGHT"] = json.dumps(connection)
    return environment | {
        "AIRFLOW_CONN_WAREHOUSE": place.airflow_warehouse,
        "AIRFLOW_CONN_PHONON_LEDGER": place.airflow_ledger,
        "PHONON_CAMPAIGNS": str(world.folder / "campaigns"),
    }


def _differences(rows: Sequence[str], calls: Sequence[str]) -> list[str]:
    """In what the rows that say accepted, and the calls that were accepted, differ. By client-identifier."""
    problems = [f"{len(calls) - len(set(calls))} calls were made twice"] if len(calls) > len(set(calls)) else []
    if set(rows) != set(calls):
        problems.append(f"{len(set(rows) ^ set(calls))} rows and calls do not match")
    return problems


def _print(measured: Sequence[Measured], contacts: int) -> None:
    print(f"\n{contacts:,} contacts, the stand-in answers after {_DELAY_MS} ms, one task at a time in a worker:\n")
    print(f"{'workers':>7}{'shards':>8}{'in flight':>11}{'calls/s':>10}{'seconds':>9}  batches by sender; end")
    for each in measured:
        trial = each.trial
        books = "; ".join(each.problems) or "books agree"
        print(
            f"{trial.workers:>7}{trial.workers:>8}{trial.in_flight:>11}{each.calls_a_second:>10,.0f}"
            f"{each.seconds:>9.1f}  {' + '.join(map(str, each.batches))}; {books}"
        )
    for each in measured:
        if each.from_kill_to_end is not None:
            listed = ", ".join(f"{status} {count:,}" for status, count in each.statuses.items())
            print(
                f"\nThe last is the one whose worker was killed: {listed}. Tries of trigger_calls by shard: "
                f"{', '.join(map(str, each.tries))}.\nFrom the kill to the run's end: {each.from_kill_to_end:.0f} "
                f"s; Airflow takes a worker for dead after {HEARTBEAT_TIMEOUT_SECONDS} s here, 300 by default."
            )


if __name__ == "__main__":
    sys.exit(main())
