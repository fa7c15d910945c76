from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonon.calling_window import EVERY_DAY, CallingWindow, Holidays, NeverOpenError, Weekday

INDIA = ZoneInfo("Asia/Kolkata")
HOUR = timedelta(hours=1)
ZONES = ["Asia/Kolkata", "America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Havana"]


class Calendar:
    """Has the first day of each month, and remembers which years it was asked for."""

    def __init__(self) -> None:
        self.years: set[int] = set()

    def __contains__(self, day: object) -> bool:
        assert isinstance(day, date)
        self.years.add(day.year)
        return day.day == 1

    def __str__(self) -> str:
        return "firsts"


def window(*holidays: date, days: frozenset[Weekday] = EVERY_DAY, zone: ZoneInfo = INDIA) -> CallingWindow:
    return CallingWindow(time(10), time(19), days, zone, Holidays(frozenset(holidays)))


def india(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA)


@pytest.mark.parametrize("clock", ["10:00:00", "12:00:00", "18:59:59"])
def test_a_window_is_closed_for_the_whole_of_a_holiday(clock: str) -> None:
    christmas = window(date(2026, 12, 25))
    assert not christmas.is_open(india(f"2026-12-25T{clock}"))
    assert christmas.is_open(india(f"2026-12-24T{clock}"))
    assert christmas.is_open(india(f"2026-12-26T{clock}"))


def test_the_next_window_is_after_the_holidays_and_the_days_that_are_closed() -> None:
    office = frozenset(Weekday) - {Weekday.SAT, Weekday.SUN}
    closed = window(date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1), days=office)
    assert closed.next_open(india("2026-12-24T19:00:00")) == india("2026-12-29T10:00:00")
    assert closed.next_open(india("2026-12-31T23:00:00")) == india("2027-01-04T10:00:00")


def test_a_holiday_is_one_on_the_calendar_of_the_windows_zone() -> None:
    tokyo = window(date(2026, 12, 25), zone=ZoneInfo("Asia/Tokyo"))
    assert tokyo.next_open(datetime(2026, 12, 24, 15, tzinfo=UTC)) == datetime(2026, 12, 26, 1, tzinfo=UTC)
    assert tokyo.is_open(datetime(2026, 12, 24, 1, tzinfo=UTC))


def test_the_day_before_a_holiday_ends_as_any_other() -> None:
    assert window(date(2026, 12, 25)).closes_at(india("2026-12-24T12:00:00")) == india("2026-12-24T19:00:00")


def test_the_29th_of_february_can_be_a_holiday_and_a_day_like_any_other() -> None:
    before = india("2028-02-28T19:00:00")
    assert window().next_open(before) == india("2028-02-29T10:00:00")
    assert window(date(2028, 2, 29)).next_open(before) == india("2028-03-01T10:00:00")


def test_a_window_is_found_behind_months_of_holidays() -> None:
    first = date(2026, 11, 24)
    months = [first + timedelta(days=n) for n in range(400)]
    assert window(*months).next_open(india("2026-11-24T12:00:00")) == india("2027-12-29T10:00:00")


def test_a_window_that_holidays_keep_closed_for_years_is_told() -> None:
    sundays = [date(2026, 1, 4) + timedelta(weeks=n) for n in range(200)]
    never = window(*sundays, days=frozenset({Weekday.SUN}))
    with pytest.raises(NeverOpenError, match=r"does not open in the two years.*Remove some of its holidays"):
        never.next_open(india("2026-11-24T12:00:00"))


def test_a_calendar_is_not_asked_for_days_behind_the_next_opening() -> None:
    calendar = Calendar()
    closed = CallingWindow(time(10), time(19), EVERY_DAY, INDIA, Holidays(frozenset(), (calendar,)))
    assert closed.next_open(india("2026-12-30T19:00:00")) == india("2026-12-31T10:00:00")
    assert calendar.years == {2026}
    assert closed.next_open(india("2026-12-31T19:00:00")) == india("2027-01-02T10:00:00")


def test_a_window_reads_with_its_holidays() -> None:
    both = Holidays(frozenset({date(2026, 12, 25), date(2026, 11, 8)}), (Calendar(),))
    closed = CallingWindow(time(10), time(19), EVERY_DAY, INDIA, both)
    assert str(closed) == "10:00-19:00 Asia/Kolkata except 2026-11-08, 2026-12-25, firsts"


@given(
    st.frozensets(st.dates(date(2026, 2, 15), date(2026, 4, 15)), max_size=50),
    st.frozensets(st.sampled_from(Weekday), min_size=1),
    st.sampled_from(ZONES),
    st.tuples(st.integers(0, 22), st.integers(1, 23)).filter(lambda hours: hours[0] < hours[1]),
    st.datetimes(datetime(2026, 2, 14), datetime(2026, 4, 10), timezones=st.just(UTC)),  # noqa: DTZ001 - zone apart
)
@settings(max_examples=150, deadline=None)
def test_the_next_opening_is_the_first_open_hour_on_no_holiday(
    holidays: frozenset[date], days: frozenset[Weekday], zone: str, hours: tuple[int, int], at: datetime
) -> None:
    at = at.replace(minute=0, second=0, microsecond=0)
    some = CallingWindow(time(hours[0]), time(hours[1]), days, ZoneInfo(zone), Holidays(holidays))
    opens = some.next_open(at).astimezone(UTC)
    assert opens.astimezone(some.timezone).date() not in holidays
    assert some.is_open(opens)
    hour = at
    while hour < opens:
        assert not some.is_open(hour)
        hour += HOUR / 2
    closes = some.closes_at(opens).astimezone(UTC)
    assert closes > opens
    assert not some.is_open(closes)
