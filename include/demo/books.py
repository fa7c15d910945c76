"""The books of a demo: what the results table says, held against what the stand-in Phonon accepted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from demo.world import World

_ACCEPTED = ("accepted", "accepted_earlier")


@dataclass(frozen=True)
class Books:
    """The results of a campaign, all its intervals together."""

    by_status: Mapping[str, int]
    by_code: Mapping[str, int]
    reasons: Mapping[str, str]
    accepted: Counter[str]
    """client-identifiers of the rows that say accepted."""
    requests: int
    calls_a_second: float
    tasks: int


def read_books(world: World, campaign: str) -> Books:
    """Read the results and run tables, and Airflow's task instances."""
    with duckdb.connect(str(world.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "SELECT status, reason, api_code, client_identifier FROM phonon_call_results WHERE campaign = ?",
            [campaign],
        ).fetchall()
        runs = connection.execute(
            "SELECT requests, seconds, accepted FROM phonon_campaign_runs WHERE campaign = ?", [campaign]
        ).fetchall()
    reasons: dict[str, Counter[str]] = {}
    for status, reason, _, _ in rows:
        reasons.setdefault(status, Counter())[_same_number(reason or "")] += 1
    return Books(
        by_status=Counter(row[0] for row in rows),
        by_code=Counter(str(row[2]) for row in rows if row[2] is not None),
        reasons={status: _most_common(counter) for status, counter in reasons.items()},
        accepted=Counter(row[3] for row in rows if row[0] in _ACCEPTED),
        requests=sum(run[0] for run in runs),
        calls_a_second=sum(run[2] for run in runs) / max(0.001, sum(run[1] for run in runs)),
        tasks=_task_instances(world, campaign),
    )


def disagreements(books: Books, accepted: Counter[str], *, contacts: int, most_tasks: int) -> list[str]:
    """Everything in which the books do not agree; ``accepted`` are the stand-in's calls by client-identifier."""
    found = []
    if sum(books.by_status.values()) != contacts:
        found.append(f"{sum(books.by_status.values())} result rows for {contacts} contacts")
    twice = [identifier for identifier, count in accepted.items() if count > 1]
    if twice:
        found.append(f"{len(twice)} calls were accepted more than once")
    if books.accepted != accepted:
        found.append(
            f"{sum(books.accepted.values())} rows say accepted, the stand-in accepted {sum(accepted.values())}"
        )
    if books.tasks > most_tasks:
        found.append(f"{books.tasks} task instances, more than {most_tasks}")
    return found


def _same_number(reason: str) -> str:
    """One reason for all whose number another contact has: the rows say which."""
    return "same number as another contact in this run" if reason.startswith("same number as ") else reason


def _most_common(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(3) if reason)


def _task_instances(world: World, campaign: str) -> int:
    database = f"file:{(world.airflow_home / 'airflow.db').as_posix()}?mode=ro"
    with sqlite3.connect(database.replace(" ", "%20"), uri=True) as connection:
        newest = "SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1"
        query = f"SELECT count(*) FROM task_instance WHERE dag_id = ? AND run_id = ({newest})"  # noqa: S608
        count: int = connection.execute(query, (campaign, campaign)).fetchone()[0]
    return count
