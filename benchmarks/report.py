"""What a bench came to: the targets, met or missed, and the table and chart of docs/performance.md."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from html import escape

from benchmarks.double import PROJECT
from benchmarks.in_airflow import MAPPED, PHONON
from benchmarks.measured import Row, cells, markdown_table
from benchmarks.programs import CAREFUL

_PAGE = PROJECT / "docs" / "performance.md"
_CHART = PROJECT / "docs" / "images" / "performance.svg"
_BETWEEN = re.compile(r"(<!-- measured -->\n).*(<!-- end of measured -->\n)", re.DOTALL)
_BAR, _LABELS, _WIDTH = 22, 190, 760


def targets(rows: Sequence[Row]) -> str:
    """Each target that these rows can say something about, with what was measured."""
    lines = []
    for ours in (row for row in rows if row.name == PHONON and row.runs):
        same = {row.name: row for row in rows if (row.engine, row.contacts) == (ours.engine, ours.contacts)}
        where = f"{ours.contacts:,} contacts, {ours.engine}"
        sending = ours.median(lambda run: run.seen.calls / _sending_seconds(run.seen.first_at, run.seen.last_at))
        peak = max(run.megabytes or 0 for run in ours.runs)
        tasks = max(run.tasks or 0 for run in ours.runs)
        if CAREFUL in same and same[CAREFUL].runs and ours.contacts >= 1_000_000:
            pairs = zip(ours.runs, same[CAREFUL].runs, strict=False)
            ratio = statistics.median(run.seconds / base.seconds for run, base in pairs)
            lines.append(_line(where, "time against the careful script", f"{ratio:.1f} x", "3 x", met=ratio <= 3))
        if MAPPED in same and same[MAPPED].runs and ours.contacts >= 100_000:
            ratio = same[MAPPED].seconds / ours.seconds
            lines.append(_line(where, "faster than HttpOperator", f"{ratio:.0f} x", "20 x", met=ratio >= 20))
        if ours.contacts >= 100_000:
            lines.append(
                _line(where, "calls a second while sending", f"{sending:,.0f}", "30,000", met=sending >= 30_000)
            )
        lines.append(_line(where, "peak memory of any task", f"{peak} MB", "300 MB", met=peak <= 300))
        lines.append(_line(where, "task instances", str(tasks), "12", met=tasks <= 12))
        if ours.contacts <= 20_000:
            first = ours.median(lambda run: run.first_post)
            lines.append(_line(where, "first POST after the run starts", f"{first:.1f} s", "5 s", met=first <= 5))
    return "\n".join(lines)


def write_report(rows: Sequence[Row]) -> None:
    """Put the tables between the marks of docs/performance.md, and draw the chart."""
    parts = []
    for engine, contacts in dict.fromkeys((row.engine, row.contacts) for row in rows):
        here = [row for row in rows if (row.engine, row.contacts) == (engine, contacts)]
        careful = next((row.runs for row in here if row.name == CAREFUL), [])
        rounds = max(len(row.runs) for row in here)
        parts.append(f"### {contacts:,} contacts, {engine}, {rounds} rounds\n")
        parts.append(markdown_table([cells(row, careful) for row in here]) + "\n")
    parts.append(f"### Targets\n\n```text\n{targets(rows)}\n```\n")
    text = _PAGE.read_text(encoding="utf-8")
    _PAGE.write_text(_BETWEEN.sub(lambda found: found[1] + "\n".join(parts) + found[2], text), encoding="utf-8")
    _CHART.write_text(_chart(rows), encoding="utf-8")


def _chart(rows: Sequence[Row]) -> str:
    """Bars: seconds of each contender, a group for each size and engine, each group to a scale of its own."""
    drawn, y = [], 0
    for engine, contacts in dict.fromkeys((row.engine, row.contacts) for row in rows):
        here = [row for row in rows if (row.engine, row.contacts) == (engine, contacts) and row.runs]
        longest = max(row.seconds for row in here)
        y += _BAR * 2
        drawn.append(f'<text x="8" y="{y - 8}" font-weight="bold">{contacts:,} contacts, {engine}, seconds</text>')
        for row in here:
            width = max(2, int((_WIDTH - _LABELS - 70) * row.seconds / longest))
            colour = "#2f6f4f" if "phonon" in row.name else "#9aa5a0"
            drawn.append(f'<text x="8" y="{y + 15}">{escape(row.name)}</text>')
            drawn.append(f'<rect x="{_LABELS}" y="{y + 3}" width="{width}" height="{_BAR - 6}" fill="{colour}"/>')
            drawn.append(f'<text x="{_LABELS + width + 6}" y="{y + 15}">{row.seconds:.1f}</text>')
            y += _BAR
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 12}"'
    style = 'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([f"{head} {style}", *drawn, "</svg>", ""])


def _sending_seconds(first_at: float | None, last_at: float | None) -> float:
    # The last answer comes after the delay; what is sent in one instant would be sent infinitely fast.
    return max(0.05, (last_at or 0.0) - (first_at or 0.0))


def _line(where: str, what: str, measured: str, wanted: str, *, met: bool) -> str:
    return f"{'met   ' if met else 'MISSED'}  {where:<36}{what:<34}{measured:>10}  (target {wanted})"
