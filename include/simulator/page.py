"""The page at ``/``: what this stand-in has been asked and has answered, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from simulator.faults import Fault
from simulator.record import AcceptedCall
from simulator.summary import Summary

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
table { border-collapse: collapse } td, th { padding: .2rem 1.2rem .2rem 0; text-align: left }
th { font-weight: 600; border-bottom: 1px solid #bbb } td { font-variant-numeric: tabular-nums }
.note { background: #fff6d8; border-left: 4px solid #e2b100; padding: .5rem .8rem } .bad { color: #b00020 }
"""

_HEAD = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>Stand-in Phonon</title><style>{_STYLE}</style></head><body>
<h1>Stand-in Phonon</h1>
<p class="note">Made from Phonon's documentation, <b>not the real service</b>. Nobody is called.
Where the documentation is silent, what you see here is a setting.</p>
"""

_FOOT = """<p>More: <a href="/simulator/summary">summary</a>, <a href="/simulator/accepted">accepted calls</a>,
<a href="/simulator/faults">faults that wait</a>.</p>
</body></html>
"""


def page(summary: Summary, latest: Sequence[AcceptedCall], faults: Sequence[Fault]) -> str:
    """Return the page as HTML. Of numbers it has the last four digits, of security-ids the last four letters."""
    sections = [
        _verdict(summary),
        _section("Calls", (), _call_counts(summary)),
        _section(
            "Most calls accepted in any 60 seconds",
            ("endpoint", "security-id", "calls"),
            _highest(summary["highest_in_any_minute"]),
        ),
        _section("Requests by endpoint", (), summary["requests_by_endpoint"].items()),
        _section("Answers by code", (), summary["requests_by_code"].items()),
        _section("Answers by HTTP status", (), summary["requests_by_status"].items()),
        _section("Latest refusals", (), ([line] for line in reversed(summary["latest_refusals"]))),
        _section("Faults that wait", ("kind", "endpoint", "strikes"), (_fault_row(fault) for fault in faults)),
        _section(
            "Latest calls",
            ("client-identifier", "endpoint", "number", "received", "dials"),
            (_call_row(call) for call in latest),
        ),
    ]
    return _HEAD + "\n".join(sections) + _FOOT


def _verdict(summary: Summary) -> str:
    repeated = summary["repeated_client_identifiers"]
    if not repeated:
        return "<p>No client-identifier was accepted more than once.</p>"
    rows = ((identifier, f"{times} times") for identifier, times in repeated.items())
    warning = f"Client-identifiers accepted more than once: {summary['accepted_more_than_once']}"
    return f'<p class="bad"><b>{warning}</b></p>' + _table((), rows)


def _call_counts(summary: Summary) -> list[tuple[str, int]]:
    return [
        ("accepted", summary["accepted_calls"]),
        ("different client-identifiers", summary["unique_client_identifiers"]),
        ("in repeated bodies, dropped", summary["dropped_repeats"]),
    ]


def _highest(highest: Mapping[str, Mapping[str, int]]) -> Iterable[tuple[str, str, int]]:
    for endpoint, accounts in highest.items():
        for account, calls in accounts.items():
            yield endpoint, account, calls


def _fault_row(fault: Fault) -> tuple[str, str, str]:
    return str(fault.kind), str(fault.endpoint or "any"), str(fault.moment)


def _call_row(call: AcceptedCall) -> tuple[str, ...]:
    return (
        call.client_identifier,
        call.endpoint.value,
        f"******{call.number_last4}",
        f"{call.received_at:%Y-%m-%d %H:%M:%S}",
        f"{call.dials_at:%Y-%m-%d %H:%M:%S}",
    )


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    table = _table(columns, rows)
    return f"<h2>{escape(title)}</h2>{table}" if table else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    if not lines:
        return ""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in [head, *lines] if line) + "</table>"
