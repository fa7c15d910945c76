"""What the person sees who has to approve a run. It ends in Airflow's database: no phone number, no secret."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from phonon.api.request import thaw
from phonon.ledger.approvals import PastInterval
from phonon.redaction import masked
from phonon.review.approval import Question
from phonon.wording import counted, in_zone

_SHOWN_CALLS = 3
_SHOWN_DAYS = 7
_SHOWN_VARIABLES = 6
_LONGEST = 40
_MARKDOWN = re.compile(r"[\\`*_\[\]<>#!|~&$]")
"""What Markdown or HTML would read as theirs."""
_QUERY, _ANSWER = "**The query**", "**Answer**"
_TIME_OF_DAY = re.compile(r"\d\d:\d\d(:\d\d)?")


def told_question(
    question: Question, *, zone: ZoneInfo, per_minute: int, counts_requests: bool, wait: timedelta
) -> str:
    """Describe what would be sent, who is left out, and until when an answer counts.

    :param zone: of the calling window. :param per_minute: the limit of the endpoint, in calls or requests.
    :param wait: how long an answer is waited for.
    """
    unsent = question.unsent
    minutes = (unsent.batches if counts_requests else unsent.calls) / per_minute
    size = f"{unsent.bytes / 1e6:,.2f} MB"
    sizes = f"| {unsent.calls:,} | {unsent.batches:,} | {size} | {_minutes(minutes)} |"
    parts = [
        question.why,
        f"| calls | requests | size | at the limit of {per_minute:,} a minute |\n|---|---|---|---|\n{sizes}",
        "**When they start**\n\n" + _days(unsent.by_start, zone),
        "**The first calls**\n\n" + _first(thaw(unsent.first)),
        "**The campaign's last intervals**\n\n" + _past(question.past, zone),
        f"{_QUERY}\n\n" + _not_called(question),
        _answer(in_zone(question.asked_at + wait, zone)),
    ]
    return "\n\n".join(parts)


def ask_the_same(one: str, other: str) -> bool:
    """Whether two descriptions are of the same calls on the same days: only the times of day may differ.

    Calls that were taken back and are planned again start at a later moment, and are what was asked about before.
    """
    return _compared(one) == _compared(other)


def _compared(text: str) -> list[str]:
    """What an approval is about: neither who is not called, nor until when it is waited for."""
    parts = _TIME_OF_DAY.sub("", text).split("\n\n")
    return parts[: parts.index(_QUERY)] if _QUERY in parts else parts


def _answer(by: str) -> str:
    return (
        f"{_ANSWER} by {by}. Without an answer by then it is as with *Reject*: nothing of this is sent, the run "
        "fails, and a corrected query can be run again over the interval."
    )


def _not_called(question: Question) -> str:
    rows = [f"It returned {counted(question.rows_read, 'row')}.", ""]
    if not question.reasons:
        return rows[0]
    rows += ["| not called | rows |", "|---|---|"]
    rows += [f"| {_cell(reason)} | {count:,} |" for reason, count in question.reasons.items()]
    return "\n".join(rows)


def _minutes(minutes: float) -> str:
    return "less than a minute" if minutes < 1 else f"{minutes:,.0f} minutes"


def _days(by_start: Sequence[tuple[datetime, int]], zone: tzinfo) -> str:
    days: dict[date, list[tuple[datetime, int]]] = defaultdict(list)
    for start, calls in by_start:
        local = start.astimezone(zone)
        days[local.date()].append((local, calls))
    rows = ["| day | first start | last start | calls |", "|---|---|---|---|"]
    for day, starts in sorted(days.items())[:_SHOWN_DAYS]:
        first, last = min(start for start, _ in starts), max(start for start, _ in starts)
        rows.append(f"| {day:%a %Y-%m-%d} | {first:%H:%M} | {last:%H:%M} | {sum(n for _, n in starts):,} |")
    rest = [count for _, starts in sorted(days.items())[_SHOWN_DAYS:] for _, count in starts]
    return "\n".join([*rows, *([f"| later | | | {sum(rest):,} |"] if rest else [])])


def _first(calls: Sequence[Mapping[str, Any]]) -> str:
    rows = ["| number | start | variables |", "|---|---|---|"]
    for call in calls[:_SHOWN_CALLS]:
        numbers = ", ".join(f"…{number[-4:]}" for number in call["contact-numbers"])
        keys = [f"{key['name'].rpartition('.')[2]}={_cell(key['value'])}" for key in call["keys"]]
        more = ["..."] if len(keys) > _SHOWN_VARIABLES else []
        rows.append(f"| {numbers} | {call['start-time']} | {', '.join([*keys[:_SHOWN_VARIABLES], *more])} |")
    return "\n".join(rows)


def _past(past: Sequence[PastInterval], zone: tzinfo) -> str:
    if not past:
        return "There is none: this is the first."
    rows = ["| interval | planned on | calls |", "|---|---|---|"]
    for each in past:
        planned_at = each.planned_at.astimezone(zone)
        rows.append(f"| {_cell(each.interval_key)} | {planned_at:%Y-%m-%d %H:%M} | {each.calls:,} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    """A text of the campaign's own for a cell of a table."""
    flat = " ".join(text.split())
    flat = masked(flat)
    flat = flat if len(flat) <= _LONGEST else flat[:_LONGEST] + "..."
    return _MARKDOWN.sub(r"\\\g<0>", flat)
