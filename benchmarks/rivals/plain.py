"""The plain script: pandas, a loop over its rows, one request after another.

Left out: cleaning beyond a prefix, repeated contacts, limits, calling hours, what to do without an answer, a record
of what was sent. All contacts are in memory.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import requests

from benchmarks.rivals.warehouses import RESULTS, connect, is_file


def main(warehouse: str, url: str) -> None:
    """Call everybody, 500 in a request."""
    connection = connect(warehouse)
    cursor = connection.cursor()
    cursor.execute("SELECT contact_id, mobile, first_name, due_date, amount FROM bench_contacts")
    contacts = pd.DataFrame(cursor.fetchall(), columns=["contact_id", "mobile", "first_name", "due_date", "amount"])
    calls: list[dict[str, Any]] = []
    results: list[tuple[str, str, str, str]] = []
    for _, row in contacts.iterrows():
        calls.append(
            {
                "client-identifier": str(row["contact_id"]),
                "start-time": "2026-12-01T10:00:00+05:30",
                "contact-numbers": ["91" + str(row["mobile"])],
                "keys": [
                    {"name": "$flow.key.Name", "value": str(row["first_name"])},
                    {"name": "$flow.key.DueDate", "value": str(row["due_date"])},
                    {"name": "$flow.key.Amount", "value": str(row["amount"])},
                ],
            }
        )
        if len(calls) == 500:
            results += send(url, calls)
            calls = []
    if calls:
        results += send(url, calls)
    cursor.execute(f"CREATE TABLE phonon_call_results {RESULTS}")
    mark = "?" if is_file(warehouse) else "%s"
    cursor.executemany(f"INSERT INTO phonon_call_results VALUES ({', '.join([mark] * 4)})", results)
    connection.commit()


def send(url: str, calls: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """One request; gives the rows of its calls."""
    body = {"api-version": "1.0", "security-id": "BeNc" * 16, "flow-id": "bEnchm4k", "calls": calls}
    answer = requests.post(url, json=body, timeout=60)
    answer.raise_for_status()
    request_id = answer.json()["request-id"]
    return [(str(call["client-identifier"]),) * 2 + ("accepted", request_id) for call in calls]


if __name__ == "__main__":
    main(*sys.argv[1:])
