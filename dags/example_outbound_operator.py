"""A Dag written by hand: call new customers once a day, then count the calls.

Shows ``PhononOutboundOperator`` between tasks of one's own. It is a whole campaign in one task: it reads the
contacts, places the calls and writes the results; run again after a crash it calls nobody twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import dag, task

from phonon.operators.outbound import PhononOutboundOperator


@dag(
    schedule="0 11 * * *",
    start_date=datetime(2026, 11, 1, tzinfo=ZoneInfo("Asia/Kolkata")),
    catchup=False,
    tags=["phonon", "example"],
)
def example_outbound_operator() -> None:
    """Welcome new customers."""
    welcome = PhononOutboundOperator(
        task_id="welcome_calls",
        name="welcome_calls",
        contacts="SELECT customer_id, first_name, mobile FROM new_customers",
        contact_id="customer_id",
        numbers=["mobile"],
        variables={"Name": "first_name"},
        flow_id="wE1comE9",
        purpose="service",
        limits={"max_calls": 1000},
    )

    @task
    def count(summary: Any) -> int:
        """Calls that Phonon accepted."""
        return int(summary["by_status"].get("accepted", 0))

    count(welcome.output)


example_outbound_operator()
