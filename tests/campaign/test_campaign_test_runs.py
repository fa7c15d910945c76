"""A run with test numbers: whoever waits beside the phone is told when it rings."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from simulator import Settings
from simulator.running import running
from trial import Trial, sqlite_url

_NUMBERS = ("919999988881", "919999988882")


def _logged(folder: Path, caplog: pytest.LogCaptureFixture, *, days: list[str]) -> str:
    keys = {"purpose": "service", "window": {"days": days}}
    with running(Settings()) as phonon, caplog.at_level(logging.INFO, "trial"):
        Trial(folder, phonon, sqlite_url(folder), keys=keys).extract(test_numbers=_NUMBERS)
    return "\n".join(record.getMessage() for record in caplog.records if "ring" in record.getMessage())


def test_outside_the_hours_a_test_call_says_when_it_will_ring(
    any_hour: datetime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Of another day than today's, so that it is outside the hours at any time.
    later = datetime.now(UTC).astimezone(ZoneInfo("Asia/Kolkata")) + timedelta(days=3)

    said = _logged(tmp_path, caplog, days=[f"{later:%a}".lower()])

    assert said.startswith(f"The test numbers ring at {later:%Y-%m-%d} 09:00 (Asia/Kolkata), not now: ")
    assert "99999" not in said


def test_within_the_hours_it_rings_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with time_machine.travel(datetime(2026, 11, 27, 12, tzinfo=ZoneInfo("Asia/Kolkata"))):
        said = _logged(tmp_path, caplog, days=["fri"])
    assert said == "The test numbers ring as soon as Phonon has the calls"
