from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonon.calling_window import EVERY_DAY, CallingWindow, Holidays, Outside, Weekday
from phonon.planning.start_times import (
    CLOSING_MARGIN,
    NotATimeError,
    Start,
    StartTimes,
    earliest_start,
    last_sending_time,
    next_window,
)
from planning.windows import INDIA, OFFICE_HOURS

_ZONES = st.sampled_from(["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"])
_INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - UTC
_NOW = datetime(2026, 11, 24, 12, tzinfo=INDIA)


@st.composite
def _windows(draw: st.DrawFn) -> CallingWindow:
    minutes = st.integers(0, 24 * 60 - 1)
    first, last = sorted(draw(st.lists(minutes, min_size=2, max_size=2, unique=True)))
    days = draw(st.frozensets(st.sampled_from(Weekday), min_size=1))
    return CallingWindow(time(*divmod(first, 60)), time(*divmod(last, 60)), days, ZoneInfo(draw(_ZONES)))


@given(_windows(), _INSTANTS)
def test_a_found_start_is_in_the_window_with_the_margin_and_not_past(window: CallingWindow, at: datetime) -> None:
    start = earliest_start(window, at)
    assert start >= at
    assert window.is_open(start)
    # A window that is shorter than the margin has only its first moment.
    assert start + CLOSING_MARGIN < window.closes_at(start) or start == window.next_open(
        start - timedelta(seconds=1)
    )


@given(
    _windows(), _INSTANTS, st.one_of(st.none(), st.times(), _INSTANTS, st.dates(date(2025, 1, 1), date(2028, 1, 1)))
)
@settings(deadline=None)
def test_whatever_a_contact_asks_for_its_call_starts_in_the_window(
    window: CallingWindow, now: datetime, value: object
) -> None:
    starts = StartTimes(window, None, now)
    if isinstance(value, datetime) and value > now + timedelta(days=366):
        with pytest.raises(NotATimeError, match="more than a year ahead"):
            starts.of(value)
        return
    with suppress(NotATimeError):  # a plain date can be too far as well, on the clock of the window
        start = starts.of(value).at
        assert start >= now.replace(microsecond=0)
        assert window.is_open(start)


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (None, "2026-11-24T12:00:00"),
        ("15:30", "2026-11-24T15:30:00"),
        (" 15:30 ", "2026-11-24T15:30:00"),
        (time(15, 30), "2026-11-24T15:30:00"),
        ("11:00", "2026-11-24T12:00:00"),
        ("18:59:30", "2026-11-25T10:00:00"),
        ("20:00", "2026-11-25T10:00:00"),
        ("2026-11-26T15:00:00", "2026-11-26T15:00:00"),
        ("2026-11-26T15:00:00+00:00", "2026-11-27T10:00:00"),
        ("2026-11-26", "2026-11-26T10:00:00"),
        (date(2026, 11, 26), "2026-11-26T10:00:00"),
        (pd.Timestamp("2026-11-26 15:00:00.5"), "2026-11-26T15:00:00"),
        (datetime(1, 1, 1, tzinfo=UTC), "2026-11-24T12:00:00"),
    ],
)
def test_a_contact_starts_at(value: object, start: str) -> None:
    found = StartTimes(OFFICE_HOURS, None, _NOW).of(value)
    assert found == Start(datetime.fromisoformat(start + "+05:30"))


@pytest.mark.parametrize("value", ["", "soon", "25:00", 5, 5.5, True, float("nan"), [], {}, "9999-12-31", b"x"])
def test_what_is_no_time_is_told_apart(value: object) -> None:
    with pytest.raises(NotATimeError):
        StartTimes(OFFICE_HOURS, None, _NOW).of(value)


def test_a_time_of_day_of_the_campaign_is_on_the_clock_of_the_window() -> None:
    late_in_utc = datetime(2026, 11, 23, 20, tzinfo=UTC)  # the 24th in India
    start = StartTimes(OFFICE_HOURS, time(11), late_in_utc).of(None)
    assert start == Start(datetime(2026, 11, 24, 11, tzinfo=INDIA))


@pytest.mark.parametrize(
    ("value", "dropped"),
    [
        (None, False),
        ("15:30", False),
        ("11:00", False),
        ("09:59", False),
        ("18:58:59", False),
        ("18:59:30", True),
        ("19:00", True),
        ("23:30", True),
        ("2026-11-25T09:59:59", True),
        ("2026-11-25T10:00:00", False),
        ("2026-11-25T04:30:00+00:00", False),
        ("2026-11-25", False),
        (date(2026, 11, 25), False),
        (pd.Timestamp("2026-11-25"), False),
        (date(2026, 11, 26), True),
        ("2026-11-26T12:00:00", True),
        (date(2026, 11, 23), False),
    ],
)
def test_a_campaign_that_drops_what_is_outside_drops_the_call_of(value: object, dropped: bool) -> None:
    closed = Holidays(frozenset({date(2026, 11, 26)}))
    window = CallingWindow(time(10), time(19), EVERY_DAY, INDIA, closed)
    start = StartTimes(window, None, _NOW, Outside.DROP).of(value)
    assert start.dropped is dropped
    assert window.is_open(start.at)
    for kept in (Outside.NEXT_WINDOW, Outside.WAIT):
        assert StartTimes(window, None, _NOW, kept).of(value) == Start(start.at)


@pytest.mark.parametrize(("hour", "dropped"), [(9, True), (10, False), (18, False), (19, True)])
def test_a_run_outside_the_hours_drops_what_should_start_now(hour: int, dropped: bool) -> None:
    now = datetime(2026, 11, 24, hour, tzinfo=INDIA)
    assert StartTimes(OFFICE_HOURS, None, now, Outside.DROP).of(None).dropped is dropped


def test_the_next_window_is_never_the_one_that_is_open() -> None:
    tomorrow = datetime(2026, 11, 25, 10, tzinfo=INDIA)
    assert next_window(OFFICE_HOURS, _NOW) == tomorrow
    assert next_window(OFFICE_HOURS, datetime(2026, 11, 24, 22, tzinfo=INDIA)) == tomorrow
    assert next_window(OFFICE_HOURS, datetime(2026, 11, 25, 9, tzinfo=INDIA)) == tomorrow


@given(_INSTANTS)
def test_a_batch_can_be_sent_until_the_indian_day_of_its_start_is_nearly_over(at: datetime) -> None:
    last = last_sending_time(at)
    day = at.astimezone(INDIA).date()
    assert last.astimezone(INDIA).date() == day
    assert (last + CLOSING_MARGIN).astimezone(INDIA).date() == day + timedelta(days=1)
