"""Why people were not called stands wherever the counts stand: log, XCom, asset event, notice."""

from __future__ import annotations

import pytest

from operators.desk import PEOPLE, Desk
from phonon.operators.steps import results_asset

# Of twelve people: two with one number, three whose number is too short, one without.
_MIXED = """
SELECT id, CASE WHEN id IN ('C1', 'C2') THEN '9199999' || '00001' WHEN id IN ('C3', 'C4', 'C5') THEN '9199'
WHEN id = 'C6' THEN NULL ELSE mobile END AS mobile, name FROM people ORDER BY id
"""
_WHY = {"number: too short": 3, "number: missing": 1, "same number as another contact in this run": 1}


def test_the_reasons_are_in_the_report_the_asset_and_the_log(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    report = desk.outbound(contacts=_MIXED)
    assert report["not_called"] == _WHY
    assert list(report["not_called"]) == list(_WHY), "the most common first"
    assert desk.events[results_asset("desk")].extra["not_called"] == _WHY
    said = capsys.readouterr().out
    assert "Not called, by reason: number: too short 3, number: missing 1, same number as another" in said
    assert "Not called: 3 rows: number: too short" in said
    assert report["by_status"]["accepted"] == PEOPLE - 5


def test_the_first_task_says_them_too(desk: Desk) -> None:
    assert desk.extract(contacts=_MIXED)["not_called"] == _WHY
