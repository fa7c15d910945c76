from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from phonon.calling_window import EVERY_DAY, CallingWindow
from phonon.campaign.parts import Window
from phonon.campaign.purposes import INDIA, Purpose, offsets_of, what_is_wider


@pytest.mark.parametrize(
    ("purpose", "opens", "closes"),
    [
        (Purpose.PROMOTIONAL, 10, 21),
        (Purpose.SERVICE, 9, 21),
        (Purpose.TRANSACTIONAL, 9, 21),
        (Purpose.RECOVERY, 8, 19),
    ],
)
def test_each_purpose_has_its_hours_on_indian_clocks_every_day(purpose: Purpose, opens: int, closes: int) -> None:
    assert purpose.preset == CallingWindow(time(opens), time(closes), EVERY_DAY, ZoneInfo("Asia/Kolkata"))


def test_a_zone_with_summer_time_has_two_offsets() -> None:
    assert offsets_of(ZoneInfo("Europe/London")) == {timedelta(), timedelta(hours=1)}
    assert offsets_of(INDIA) == {timedelta(hours=5, minutes=30)}


def test_the_hours_that_are_left_out_are_those_of_the_purpose() -> None:
    narrowed = Window(open=time(11)).narrowing(Purpose.RECOVERY)
    assert (narrowed.open, narrowed.close, narrowed.timezone) == (time(11), time(19), INDIA)


@pytest.mark.parametrize(
    ("opens", "closes", "zone", "fits"),
    [
        ("10:00", "21:00", "Asia/Kolkata", True),
        ("09:59", "21:00", "Asia/Kolkata", False),
        ("10:00", "21:01", "Asia/Kolkata", False),
        ("10:00", "21:00", "Asia/Colombo", True),
        ("08:30", "19:30", "Asia/Dubai", True),
        ("08:29", "19:30", "Asia/Dubai", False),
        ("05:30", "15:30", "Europe/London", True),
        ("05:29", "15:30", "Europe/London", False),
        ("05:30", "15:31", "Europe/London", False),
        ("13:30", "23:59", "Asia/Tokyo", True),
        ("00:30", "02:00", "Asia/Tokyo", False),
        ("15:00", "23:59", "Pacific/Auckland", False),
        ("18:00", "23:59", "Pacific/Auckland", True),
    ],
)
def test_a_window_of_another_zone_has_to_stay_inside_summer_and_winter(
    opens: str, closes: str, zone: str, fits: bool
) -> None:
    window = CallingWindow(time.fromisoformat(opens), time.fromisoformat(closes), EVERY_DAY, ZoneInfo(zone))
    assert (what_is_wider(window, Purpose.PROMOTIONAL.preset) is None) is fits


ZONES = [
    "Asia/Kolkata",
    "Asia/Dubai",
    "Asia/Tokyo",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
]


@st.composite
def nearly_fitting_windows(draw: st.DrawFn) -> tuple[Purpose, CallingWindow]:
    """Draw a window that fits its purpose at one offset of its zone, give or take half an hour."""
    purpose, zone = draw(st.sampled_from(Purpose)), ZoneInfo(draw(st.sampled_from(ZONES)))
    (indian,) = offsets_of(INDIA)
    ahead = (indian - draw(st.sampled_from(sorted(offsets_of(zone))))) // timedelta(minutes=1)
    preset = purpose.preset
    indian_minutes = st.integers(preset.open.hour * 60 - 30, preset.close.hour * 60 + 30)
    local = {(draw(indian_minutes) - ahead) % (24 * 60) for _ in range(2)}
    assume(len(local) == 2)
    opens, closes = (time(minute // 60, minute % 60) for minute in sorted(local))
    return purpose, CallingWindow(opens, closes, EVERY_DAY, zone)


@settings(max_examples=300, deadline=None)
@given(
    nearly_fitting_windows(),
    st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zone apart
)
def test_no_window_that_is_accepted_is_ever_open_outside_the_hours_of_its_purpose(
    case: tuple[Purpose, CallingWindow], at: datetime
) -> None:
    purpose, window = case
    assume(what_is_wider(window, purpose.preset) is None)
    opened = window.next_open(at)
    assert purpose.preset.is_open(opened)
    assert purpose.preset.is_open(window.closes_at(opened) - timedelta(microseconds=1))
