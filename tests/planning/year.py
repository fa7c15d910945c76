"""Random campaigns and moments of a few years, and what is true of their calls whatever the code says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from phonon.calling_window import Weekday
from phonon.campaign.model import Campaign
from phonon.campaign.purposes import Purpose
from planning.windows import INDIA

_AHEAD = timedelta(hours=5, minutes=30)
_ZONES = ["Asia/Kolkata", "Asia/Kolkata", "Asia/Dubai", "Europe/London", "Australia/Lord_Howe"]
_HOURS = {"promotional": (10, 21), "service": (9, 21), "transactional": (9, 21), "recovery": (8, 19)}
_DAY = timedelta(days=1)

_TURNS = [
    "2026-10-25T01:00:00+00:00",  # London's clocks go back
    "2026-11-01T06:00:00+00:00",  # New York's
    "2027-03-14T07:00:00+00:00",  # and forward
    "2027-03-28T01:00:00+00:00",
    "2027-04-03T15:00:00+00:00",  # Lord Howe's, by half an hour
    "2026-10-03T15:30:00+00:00",
    "2026-11-30T23:59:59+05:30",
    "2026-12-31T23:59:59+05:30",
    "2027-02-28T23:59:59+05:30",
    "2028-02-28T23:59:59+05:30",
    "2028-02-29T23:59:59+05:30",
]


@dataclass(frozen=True)
class Hours:
    """The hours of a campaign, worked out apart from the code under test."""

    purpose: str
    opens: time
    closes: time
    days: frozenset[str]
    zone: ZoneInfo
    dates: frozenset[date]
    calendar: str | None

    def allow(self, at: datetime) -> bool:
        """Whether a person may be called at that moment."""
        wall = at.astimezone(self.zone)
        first, last = _HOURS[self.purpose]
        return (
            self.opens <= wall.time() < self.closes
            and wall.strftime("%a").lower() in self.days
            and wall.date() not in self.dates
            and not (self.calendar is not None and wall.date() in _calendar(self.calendar))
            and time(first) <= at.astimezone(INDIA).time() < time(last)
        )


@cache
def _calendar(name: str) -> frozenset[date]:
    from holidays import country_holidays  # noqa: PLC0415 - as the code does, when it is needed

    country, _, region = name.partition("-")
    return frozenset(country_holidays(country, subdiv=region or None, years=range(2026, 2031)))


@st.composite
def campaigns(draw: st.DrawFn) -> tuple[Campaign, Hours]:
    purpose, name = draw(st.sampled_from(sorted(Purpose))), draw(st.sampled_from(_ZONES))
    zone = ZoneInfo(name)
    first, last = _minutes_inside(purpose.value, zone)
    opens = draw(st.integers(first, last - 10))
    closes = draw(st.integers(opens + 10, last))
    days = draw(st.frozensets(st.sampled_from([day.value for day in Weekday]), min_size=1))
    dates = draw(st.frozensets(st.dates(date(2026, 9, 1), date(2028, 12, 31)), max_size=8))
    calendar = draw(st.sampled_from([None, None, "IN-KA", "US", "GB"]))
    window: dict[str, Any] = {
        "open": f"{opens // 60:02d}:{opens % 60:02d}",
        "close": f"{closes // 60:02d}:{closes % 60:02d}",
        "days": sorted(days),
        "timezone": name,
        "holidays": [*sorted(dates), *([calendar] if calendar else [])],
        "outside": draw(st.sampled_from(["next_window", "wait", "drop"])),
    }
    at = draw(st.one_of(st.none(), st.integers(opens, closes - 2)))
    campaign = Campaign.model_validate(
        {
            "name": "year",
            "purpose": purpose.value,
            "contacts": "SELECT 1",
            "contact_id": "id",
            "numbers": ["mobile"],
            "flow_id": "abcdEF12",
            "window": window,
            "start_at": "now" if at is None else f"{at // 60:02d}:{at % 60:02d}",
        }
    )
    clocks = [time(*divmod(minute, 60)) for minute in (opens, closes)]
    return campaign, Hours(purpose.value, *clocks, days, zone, dates, calendar)


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """Draw any second from September 2026 to August 2027, or one near a turn of a clock, a month or a leap day."""
    if draw(st.booleans()):
        seconds = draw(st.integers(0, 365 * 86_400))
        return datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    turn = datetime.fromisoformat(draw(st.sampled_from(_TURNS))).astimezone(UTC)
    return turn + timedelta(seconds=draw(st.integers(-12 * 3600, 12 * 3600)))


def asked_for(now: datetime) -> st.SearchStrategy[Any]:
    """What a contact's ``start_at`` column may hold at that moment, in all the types that a database gives."""
    near = st.timedeltas(-2 * _DAY, 5 * _DAY)
    far = st.timedeltas(-2 * _DAY, 360 * _DAY)
    instants = st.one_of(near, far).map(lambda ahead: (now + ahead).replace(microsecond=0))
    return st.one_of(
        st.none(),
        instants,
        instants.map(lambda at: at.replace(tzinfo=None)),
        instants.map(datetime.isoformat),
        instants.map(datetime.date),
        instants.map(lambda at: at.strftime("%H:%M")),
    )


def _minutes_inside(purpose: str, zone: ZoneInfo) -> tuple[int, int]:
    """The first and the last minute of the zone's day that are inside the hours of a purpose all year."""
    offsets = {datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in range(1, 13)}
    ahead = [((offset or timedelta()) - _AHEAD) // timedelta(minutes=1) for offset in offsets]
    first, last = (hour * 60 for hour in _HOURS[purpose])
    return max(first + each for each in ahead), min(*(last + each for each in ahead), 24 * 60 - 1)
