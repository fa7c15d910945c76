"""What a task reports where several tasks have one campaign: its own calls, beside those of the interval."""

from __future__ import annotations

from collections import Counter

from operators.desk import PEOPLE, Desk

_PARTS = 4


def test_the_reports_of_tasks_of_one_name_sum_to_what_was_called(desk: Desk) -> None:
    reports = [
        desk.outbound(
            task_id=f"calls_{part}",
            contacts=f"SELECT * FROM people WHERE CAST(substr(id, 2) AS INTEGER) % {_PARTS} = {part}",
        )
        for part in range(_PARTS)
    ]
    together: Counter[str] = Counter()
    for report in reports:
        together.update(report["by_status"])
        assert list(report["by_code"].values()) == [PEOPLE // _PARTS]
    assert together == {"accepted": PEOPLE}
    assert reports[-1]["interval"]["by_status"] == {"accepted": PEOPLE}


def test_a_task_that_placed_none_reports_none_and_the_interval(desk: Desk) -> None:
    desk.outbound()
    second = desk.outbound(task_id="again")
    assert (second["by_status"], second["interval"]["by_status"]) == ({}, {"accepted": PEOPLE})
    assert desk.outbound()["by_status"] == {"accepted": PEOPLE}, "a task that is cleared reports on all its tries"
