"""What a run would do, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from statistics import median_low
from typing import Any

from phonon.api.endpoints import Endpoint
from phonon.calling_window import CallingWindow
from phonon.rehearsal.listing import table


@dataclass(frozen=True)
class Sizes:
    """Bytes of request bodies. All zero without a request."""

    requests: int
    total: int
    median: int
    largest: int


@dataclass(frozen=True)
class WindowCalls:
    """How many calls would start in one day's calling window."""

    day: date
    hours: str
    calls: int


@dataclass(frozen=True)
class Outlook:
    """What came of planning a run that is not made."""

    campaign: str
    interval_key: str
    endpoint: Endpoint
    rows_read: int
    calls: int
    """That the run would plan and send."""
    already_planned: int
    """Contacts that an earlier run over the interval planned."""
    still_pending: int
    """Calls of an earlier run that were not sent, and that this one would send as well."""
    reported: int
    """Calls that only a report of Phonon's has, and that would not be placed again."""
    invalid: Mapping[str, int]
    suppressed: Mapping[str, int]
    sizes: Sizes
    windows: Sequence[WindowCalls]
    per_minute: int
    counts_requests: bool

    @property
    def minutes(self) -> float:
        """How long the limit alone makes the new calls take, when nobody else uses it."""
        return (self.sizes.requests if self.counts_requests else self.calls) / self.per_minute

    def as_json(self) -> dict[str, Any]:
        """The figures for a script."""
        return {
            "campaign": self.campaign,
            "interval_key": self.interval_key,
            "endpoint": self.endpoint.value,
            "rows_read": self.rows_read,
            "calls": self.calls,
            "already_planned": self.already_planned,
            "still_pending": self.still_pending,
            "reported": self.reported,
            "invalid": dict(self.invalid),
            "suppressed": dict(self.suppressed),
            "requests": self.sizes.requests,
            "bytes": {"total": self.sizes.total, "median": self.sizes.median, "largest": self.sizes.largest},
            "windows": [
                {"day": each.day.isoformat(), "hours": each.hours, "calls": each.calls} for each in self.windows
            ],
            "limit_per_minute": self.per_minute,
            "limit_unit": "requests" if self.counts_requests else "calls",
            "minutes": round(self.minutes, 2),
        }

    def __str__(self) -> str:
        unit = "requests" if self.counts_requests else "calls"
        lines = [
            f"Campaign {self.campaign}, interval {self.interval_key}. Nothing was planned or sent.",
            "",
            *_counts(self),
            "",
            _sizes(self),
            f"{self.minutes:,.1f} minutes at {self.per_minute:,} {unit} a minute",
        ]
        if self.windows:
            rows = [(each.day.isoformat(), each.hours, f"{each.calls:,}") for each in self.windows]
            lines += ["", table(("day", "hours", "calls that start"), rows)]
        return "\n".join(lines)


def sizes_of(bodies: Iterable[int]) -> Sizes:
    """Sum up the sizes of request bodies."""
    sizes = list(bodies)
    if not sizes:
        return Sizes(0, 0, 0, 0)
    return Sizes(len(sizes), sum(sizes), median_low(sizes), max(sizes))


def windows_of(window: CallingWindow, starts: Iterable[tuple[float, int]]) -> list[WindowCalls]:
    """Count calls by the day they start on; ``starts``: seconds since the epoch, and how many calls."""
    by_day: Counter[date] = Counter()
    for start, count in starts:
        by_day[datetime.fromtimestamp(start, UTC).astimezone(window.timezone).date()] += count
    hours = f"{window.open:%H:%M}-{window.close:%H:%M} {window.timezone.key}"
    return [WindowCalls(day, hours, count) for day, count in sorted(by_day.items())]


def _sizes(outlook: Outlook) -> str:
    sizes = outlook.sizes
    one = f"; of one request: median {sizes.median:,}, largest {sizes.largest:,}" if sizes.requests else ""
    return f"{sizes.requests:,} requests to {outlook.endpoint}, {sizes.total:,} bytes{one}"


def _counts(outlook: Outlook) -> list[str]:
    named = [("rows read", outlook.rows_read), ("calls", outlook.calls)]
    named += [("planned by an earlier run", outlook.already_planned)] if outlook.already_planned else []
    named += [("of those not sent yet", outlook.still_pending)] if outlook.still_pending else []
    named += [("in Phonon's report", outlook.reported)] if outlook.reported else []
    named += [(f"invalid, {reason}", count) for reason, count in _by_count(outlook.invalid)]
    named += [(f"suppressed, {reason}", count) for reason, count in _by_count(outlook.suppressed)]
    width = max(len(name) for name, _ in named)
    digits = max(len(f"{count:,}") for _, count in named)
    return [f"{name:<{width}}  {count:>{digits},}" for name, count in named]


def _by_count(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
