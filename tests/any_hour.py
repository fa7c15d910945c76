"""The hours at which what looks at the clock goes wrong, if anywhere: tests with ``any_hour`` run at each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

_UTC, _INDIA, _NEW_YORK = ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")

_HOURS = {
    "just past midnight in India": datetime(2026, 11, 27, 18, 31, tzinfo=_UTC),
    "ten seconds before midnight in India": datetime(2026, 11, 27, 23, 59, 50, tzinfo=_INDIA),
    "a month's last evening": datetime(2026, 11, 30, 23, 58, tzinfo=_UTC),
    "29 February": datetime(2028, 2, 29, 11, 0, tzinfo=_INDIA),
    "clocks going forward": datetime(2027, 3, 14, 1, 59, 50, tzinfo=_NEW_YORK),
    "clocks going back": datetime(2027, 11, 7, 1, 59, 50, tzinfo=_NEW_YORK),
}
"""Each with the zone that the machine's clock is set to."""


@pytest.fixture(params=_HOURS.values(), ids=_HOURS)
def any_hour(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """Set this process's clock and zone to an hour; the clock goes on from there.

    Processes that the test starts have the real clock. Ask for it before whatever looks at the clock.
    """
    moment: datetime = request.param
    monkeypatch.setenv("TZ", str(moment.tzinfo))
    time.tzset()
    try:
        with time_machine.travel(moment, tick=True):
            yield moment
    finally:
        monkeypatch.undo()
        time.tzset()
