from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonon.calling_window import EVERY_DAY, CallingWindow, Weekday

INDIA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")
QUARTER = timedelta(minutes=15)
WORKING_DAYS = frozenset({Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI})

OFFICE = CallingWindow(time(10), time(19), WORKING_DAYS, INDIA)


def india(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA)


def new_york(opens: time, closes: time) -> CallingWindow:
    return CallingWindow(opens, closes, EVERY_DAY, NEW_YORK)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-23T09:59:59.999999", False),
        ("2026-11-23T10:00:00", True),
        ("2026-11-23T18:59:59.999999", True),
        ("2026-11-23T19:00:00", False),
        ("2026-11-22T12:00:00", False),
    ],
    ids=["just before", "first instant", "last instant", "close is excluded", "a Sunday"],
)
def test_the_window_is_open_from_open_up_to_but_not_at_close_on_its_days(at: str, is_open: bool) -> None:
    assert OFFICE.is_open(india(at)) is is_open


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-23T12:34:56", "2026-11-23T12:34:56"),
        ("2026-11-23T03:00:00", "2026-11-23T10:00:00"),
        ("2026-11-23T19:00:00", "2026-11-24T10:00:00"),
        ("2026-11-27T19:00:00", "2026-11-30T10:00:00"),
        ("2026-11-29T23:59:59", "2026-11-30T10:00:00"),
    ],
    ids=["open now", "later today", "tomorrow", "after the weekend", "late on Sunday"],
)
def test_the_next_opening_is_now_or_the_start_of_the_next_window(at: str, opens: str) -> None:
    assert OFFICE.next_open(india(at)) == india(opens)


def test_a_datetime_of_another_zone_is_read_on_the_clocks_of_the_window() -> None:
    assert OFFICE.is_open(datetime(2026, 11, 23, 4, 30, tzinfo=UTC))
    assert OFFICE.next_open(datetime(2026, 11, 23, 4, 29, tzinfo=UTC)).tzinfo is INDIA


def test_an_open_window_closes_at_its_close() -> None:
    assert OFFICE.closes_at(india("2026-11-23T12:00:00")) == india("2026-11-23T19:00:00")


def test_a_window_that_is_not_open_has_no_end() -> None:
    with pytest.raises(ValueError, match="is not open"):
        OFFICE.closes_at(india("2026-11-22T12:00:00"))


@pytest.mark.parametrize("method", ["is_open", "next_open", "closes_at"])
def test_a_naive_datetime_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="has none"):
        getattr(OFFICE, method)(datetime(2026, 11, 23, 12))  # noqa: DTZ001 - what is tested


@pytest.mark.parametrize(
    ("opens", "closes", "days", "message"),
    [
        (time(10), time(10), EVERY_DAY, "opens before it closes"),
        (time(21), time(9), EVERY_DAY, "opens before it closes"),
        (time(9), time(10), frozenset(), "at least one day"),
        (time(9, tzinfo=UTC), time(10, tzinfo=UTC), EVERY_DAY, "timezone is a field"),
    ],
    ids=["no length", "over midnight", "no day", "times with a timezone"],
)
def test_a_window_that_makes_no_sense_cannot_be_made(
    opens: time, closes: time, days: frozenset[Weekday], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CallingWindow(opens, closes, days, INDIA)


def test_weekdays_are_those_of_the_calendar() -> None:
    assert [Weekday.of(date(2026, 11, 23) + timedelta(days=n)) for n in range(7)] == list(Weekday)


def test_a_window_reads_as_hours_zone_and_days() -> None:
    assert str(OFFICE) == "10:00-19:00 Asia/Kolkata on mon, tue, wed, thu, fri"
    assert str(CallingWindow(time(9), time(21), EVERY_DAY, INDIA)) == "09:00-21:00 Asia/Kolkata"


def test_a_window_in_the_hour_that_summer_time_skips_does_not_open_that_day() -> None:
    midnight = datetime(2026, 3, 8, tzinfo=NEW_YORK)
    assert new_york(time(2, 10), time(2, 50)).next_open(midnight) == datetime(2026, 3, 9, 2, 10, tzinfo=NEW_YORK)


def test_a_window_whose_opening_is_skipped_opens_when_the_clocks_have_jumped() -> None:
    midnight = datetime(2026, 3, 8, tzinfo=NEW_YORK)
    assert new_york(time(2, 30), time(5)).next_open(midnight).astimezone(UTC) == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_a_window_whose_closing_is_skipped_closes_when_the_clocks_jump() -> None:
    at = datetime(2026, 3, 8, 1, 45, tzinfo=NEW_YORK)
    assert new_york(time(1, 30), time(2, 30)).closes_at(at).astimezone(UTC) == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_a_window_in_the_hour_that_is_repeated_opens_twice() -> None:
    window = new_york(time(1, 30), time(1, 45))
    first = window.next_open(datetime(2026, 11, 1, tzinfo=NEW_YORK))
    second = window.next_open(window.closes_at(first))
    assert second.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=1)


def test_a_window_over_the_hour_that_is_repeated_is_an_hour_longer() -> None:
    window = new_york(time(0, 30), time(3))
    opened = window.next_open(datetime(2026, 11, 1, tzinfo=NEW_YORK))
    assert window.closes_at(opened).astimezone(UTC) - opened.astimezone(UTC) == timedelta(hours=3, minutes=30)


def test_a_friday_that_a_zone_skipped_is_not_a_day_on_which_calls_start() -> None:
    fridays = CallingWindow(time(10), time(12), frozenset({Weekday.FRI}), APIA)
    after_the_last = datetime(2011, 12, 23, 12, tzinfo=APIA)
    assert fridays.next_open(after_the_last) == datetime(2012, 1, 6, 10, tzinfo=APIA)


CLOCK_CHANGERS = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "Asia/Beirut",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/London",
    "Pacific/Apia",
]


@cache
def days_of_change(zone: ZoneInfo) -> list[datetime]:
    noons = [datetime(2005, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(20 * 365)]
    offsets = [noon.astimezone(zone).utcoffset() for noon in noons]
    return [noon for noon, before, after in zip(noons, offsets, offsets[1:], strict=False) if before != after]


@st.composite
def windows(draw: st.DrawFn, zones: st.SearchStrategy[str]) -> CallingWindow:
    quarters = st.integers(0, 95)
    opens, closes = sorted(draw(st.lists(quarters, min_size=2, max_size=2, unique=True)))
    days = draw(st.frozensets(st.sampled_from(Weekday), min_size=1))
    at = [time(quarter // 4, quarter % 4 * 15) for quarter in (opens, closes)]
    return CallingWindow(at[0], at[1], days, ZoneInfo(draw(zones)))


@st.composite
def windows_and_instants(draw: st.DrawFn) -> tuple[CallingWindow, datetime]:
    if draw(st.booleans()):
        window = draw(windows(st.sampled_from(sorted(available_timezones()))))
        return window, draw(st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the zone is given apart
    window = draw(windows(st.sampled_from(CLOCK_CHANGERS)))
    noon = draw(st.sampled_from(days_of_change(window.timezone)))
    return window, noon + timedelta(seconds=draw(st.integers(-36 * 3600, 36 * 3600)))


@settings(max_examples=150, deadline=None)
@given(windows_and_instants())
def test_the_next_opening_is_the_first_open_instant_in_any_zone_at_any_time(
    case: tuple[CallingWindow, datetime],
) -> None:
    window, at = case
    opens = window.next_open(at).astimezone(UTC)
    assert opens >= at
    assert window.is_open(opens)
    assert opens == at or not window.is_open(opens - timedelta(seconds=1))
    before = at
    while before < opens:
        assert not window.is_open(before)
        before += QUARTER


@settings(max_examples=150, deadline=None)
@given(windows_and_instants())
def test_an_open_window_is_open_until_it_closes_in_any_zone_at_any_time(
    case: tuple[CallingWindow, datetime],
) -> None:
    window, at = case
    opened = window.next_open(at).astimezone(UTC)
    closes = window.closes_at(opened).astimezone(UTC)
    assert closes > opened
    assert not window.is_open(closes)
    assert window.is_open(closes - timedelta(microseconds=1))
    during = opened
    while during < closes:
        assert window.is_open(during)
        during += QUARTER


@given(windows_and_instants())
@settings(deadline=None)
def test_a_window_is_open_exactly_when_the_wall_shows_an_open_time_of_an_open_day(
    case: tuple[CallingWindow, datetime],
) -> None:
    window, at = case
    wall = at.astimezone(window.timezone)
    minute = wall.hour * 60 + wall.minute
    opens, closes = (clock.hour * 60 + clock.minute for clock in (window.open, window.close))
    expected = wall.strftime("%a").lower() in window.days and opens <= minute < closes
    assert window.is_open(at) is expected
