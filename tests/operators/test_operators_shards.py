"""What the tasks after several senders make of their reports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from phonon.operators.steps import summary_of


def _report(minute: int, accepted: int, *, stop: str | None = None, message: str = "") -> dict[str, Any]:
    """The report of a sender that ended at that minute of a run of 30 calls."""
    by_status = {"accepted": accepted} | ({"pending": 30 - accepted} if accepted < 30 else {})
    as_of = f"2026-11-24T12:{minute:02d}:00.000000+00:00"
    return {"as_of": as_of, "by_status": by_status, "stop": stop, "message": message}


_STOPPED = (
    _report(1, 20, stop="top_up", message="10 pending"),
    _report(2, 21, stop="top_up", message="9 pending"),
)


def _summary(pulled: object, *, senders: int) -> dict[str, Any]:
    return summary_of(SimpleNamespace(xcom_pull=lambda task_ids: pulled), senders=senders)


def test_the_report_of_the_sender_that_ended_last_is_the_whole() -> None:
    reports = [_report(1, 10), _report(3, 30), _report(2, 20)]
    assert _summary(reports, senders=3) == reports[1]


def test_why_one_stopped_is_not_lost_when_another_ended_later() -> None:
    summary = _summary([*_STOPPED, _report(3, 22)], senders=3)
    assert summary["by_status"] == {"accepted": 22, "pending": 8}
    assert (summary["stop"], summary["message"]) == ("top_up", "9 pending")


def test_after_a_top_up_it_is_enough_that_one_is_cleared_and_sends_the_rest() -> None:
    summary = _summary([*_STOPPED, _report(9, 30)], senders=3)
    assert summary["by_status"] == {"accepted": 30}
    assert (summary["stop"], summary["message"]) == (None, "")


@pytest.mark.parametrize(
    ("pulled", "senders"),
    [(None, 1), ([], 3), (_report(1, 10), 3), ([_report(1, 10), _report(2, 20)], 3)],
    ids=["the only one", "all", "all but one", "one"],
)
def test_a_sender_that_failed_makes_the_whole_failed(pulled: object, senders: int) -> None:
    assert _summary(pulled, senders=senders) == {}
