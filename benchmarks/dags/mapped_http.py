"""The usual Airflow way: a task makes the batches, ``HttpOperator`` is mapped over them, a task writes the results.

Left out: as in the careful script. Contacts go through XCom, and so into Airflow's own database.
"""

from __future__ import annotations

import os
from typing import Any

import orjson
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import dag, task
from benchmarks.rivals.careful import batches, write
from benchmarks.rivals.warehouses import connect, is_file

_WAREHOUSE = os.environ.get("BENCH_WAREHOUSE", "")


@dag(schedule=None, catchup=False)
def mapped_http() -> None:
    """Call everybody."""

    @task
    def bodies() -> list[str]:
        """The request of each batch."""
        with connect(_WAREHOUSE) as connection:
            envelope = {"api-version": "1.0", "security-id": "BeNc" * 16, "flow-id": "bEnchm4k"}
            return [
                orjson.dumps({**envelope, "calls": [call for _, call in batch]}).decode()
                for batch in batches(connection.cursor())
            ]

    @task
    def results(sent: list[str], answers: Any) -> None:
        """Write what came of each call."""
        rows = []
        for body, answer in zip(sent, answers, strict=True):
            request_id = orjson.loads(answer)["request-id"]
            for call in orjson.loads(body)["calls"]:
                identifier = call["client-identifier"]
                rows.append((identifier, identifier, "accepted", request_id))
        with connect(_WAREHOUSE) as connection:
            write(connection, rows, bulk=is_file(_WAREHOUSE))

    made = bodies()
    sent = HttpOperator.partial(
        task_id="send",
        http_conn_id="double",
        endpoint="bulk",
        method="POST",
        headers={"Content-Type": "application/json"},
    ).expand(data=made)
    results(made, sent.output)


mapped_http()
