"""The Dag that keeps the ledger small."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, CronTriggerTimetable, Param

from phonon.operators.maintenance import MaintainLedgerOperator

MAINTENANCE_DAG = "phonon_ledger_maintenance"
_ZONE = "Asia/Kolkata"
_RETRY = {"retries": 2, "retry_delay": timedelta(minutes=5)}

_DOC = """
Once a night, outside all calling hours: forgets what the ledger does not need any more, and gives back the room.

| what | kept for |
|---|---|
| phone numbers, in the frozen calls of settled batches | `numbers_days` |
| hashes of numbers that were called, for frequency limits | `hashes_days`, and as long as the longest limit that any campaign ever had |
| when a request was sent, and what came of it | `sends_days` |
| who was not planned and why, of plans that newer ones replaced | not at all |

**Who was called in which interval stays for ever**: it is why nobody is called twice. So does everything about batches
that wait for a person. On the command line: `phonon ledger maintain`.
"""  # noqa: E501 - a table


def ledger_dags() -> dict[str, DAG]:
    """Make the Dag, by its id."""
    with DAG(
        MAINTENANCE_DAG,
        description="Forget what the ledger does not need any more, and give back the room.",
        doc_md=_DOC,
        schedule=CronTriggerTimetable("30 3 * * *", timezone=_ZONE),
        start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo(_ZONE)),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags=["phonon", "desk"],
        params={
            "numbers_days": _days(
                7,
                "Keep phone numbers: days",
                "Phone numbers of settled batches. A push of results erases after 7 days too.",
            ),
            "hashes_days": _days(
                400,
                "Keep hashes of numbers: days",
                "Hashes of numbers that were called. Longer where a limit looks back further.",
            ),
            "sends_days": _days(
                400,
                "Keep times of requests: days",
                "When requests were sent. A run's row in the table of runs is made from them.",
            ),
            "whole": Param(
                False,
                type="boolean",
                title="Write all tables again",
                description="Write every table again. Makes an older or very empty ledger smaller; needs as much "
                "room again, keeps senders waiting, and is refused while calls are being sent.",
            ),
        },
    ) as dag:
        MaintainLedgerOperator(task_id="maintain", ledger_conn_id="phonon_ledger", **_RETRY)
    return {MAINTENANCE_DAG: dag}


def _days(usual: int, title: str, description: str) -> Param:
    return Param(usual, type="integer", minimum=1, title=title, description=description)
