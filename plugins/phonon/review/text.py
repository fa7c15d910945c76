"""Held batches in words and tables, for a log or a terminal: without numbers and without contacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from phonon.ledger.pauses import Pause
from phonon.ledger.settlements import Case, History
from phonon.review.desk import EvidenceOutcome, Settled
from phonon.review.restoring import Outlook, Restored
from phonon.wording import counted

_SHOWN = 200


def listing(found: Sequence[Case]) -> str:
    """A table of what waits."""
    if not found:
        return "Nothing is held."
    rows = [
        (
            str(case.batch_id),
            case.campaign,
            case.interval_key,
            str(case.calls),
            _time(case.sent_at),
            "a person" if case.is_held else "the next run",
            case.request_id or "",
            case.reason,
        )
        for case in found[:_SHOWN]
    ]
    header = ("batch", "campaign", "interval", "calls", "sent (UTC)", "waits for", "request-id", "why")
    more = [f"... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    total = f"{_batches(len(found))} with {_calls(sum(case.calls for case in found))}"
    return "\n".join([_table(header, rows), *more, total])


def story(told: History) -> str:
    """A batch and its history."""
    case = told.case
    lines = [
        f"Batch {case.batch_id}: {case.state}",
        f"  campaign    {case.campaign}",
        f"  interval    {case.interval_key}",
        f"  endpoint    {case.endpoint}",
        f"  calls       {case.calls}",
        f"  request-id  {case.request_id or 'none'}",
    ]
    lines += [f"  why         {case.reason}"] if case.reason else []
    lines += [f"  made from   {_listed(told.made_from)}"] if told.made_from else []
    lines += [f"  made into   {_listed(told.made_into)}"] if told.made_into else []
    sends = [
        (
            str(send.batch_id),
            _time(send.started_at),
            _time(send.answered_at) or "no answer",
            send.run_id,
            str(send.calls),
            str(send.bytes),
            str(send.http_status or ""),
            str(send.code or ""),
            send.outcome or "",
        )
        for send in told.sends
    ]
    header = ("batch", "sent (UTC)", "answered (UTC)", "run", "calls", "bytes", "HTTP", "code", "outcome")
    lines += ["", _table(header, sends) if sends else "The ledger has no send of it."]
    decided = [
        (str(each.batch_id), _time(each.at), each.by, each.action, str(each.calls), each.note)
        for each in told.decisions
    ]
    if decided:
        lines += ["", _table(("batch", "decided (UTC)", "by", "what", "calls", "note"), decided)]
    return "\n".join(lines)


def told_settled(done: str, settled: Settled) -> str:
    """What was settled. ``done``: "released" or "closed"."""
    lines = []
    for case in settled.cases:
        new = settled.new_batches.get(case.batch_id)
        into = f", now batch {new}" if new else ""
        lines.append(f"Batch {case.batch_id} of {case.campaign} {done}: {_calls(case.calls)}{into}")
    return "\n".join(lines)


def told_evidence(outcome: EvidenceOutcome) -> str:
    """What a report has settled and what not, with its reasons."""
    proven = outcome.proven
    whole = len(proven.settled) - len(proven.still_held)
    lines = [f"{_calls(proven.calls)} accepted: {_batches(whole)} in full, {len(proven.still_held)} in part."]
    if proven.calls_still_held:
        stay = "stays" if proven.calls_still_held == 1 else "stay"
        lines.append(f"{_calls(proven.calls_still_held)} of these {stay} held, which the report does not list.")
    lines += [f"Batch {old}: what stays held is batch {new} now." for old, new in proven.still_held.items()]
    lines += [
        f"Batch {_listed(each.batch_ids)}: the report lists {counted(each.listed, 'phonon-uuid')} under its "
        f"request-id, for {_calls(each.sent)} sent. A uuid without a client-identifier does not tell whose call it "
        "is, so this proves nothing; it stays held."
        for each in outcome.unproven
    ]
    lines += [f"{counted(count, 'row')} {fit.value}." for fit, count in sorted(outcome.other_rows.items())]
    if outcome.named_twice:
        lines.append(
            f"Listed with more than one phonon-uuid: {_calls(outcome.named_twice)}. Phonon took each for more "
            "than one call. Ask Phonon whether these people were called twice."
        )
    return "\n".join(lines)


def told_pauses(pauses: Sequence[Pause]) -> str:
    """The switches that are set."""
    return "\n".join(map(str, pauses)) or "Nothing is paused."


def told_outlook(outlook: Outlook) -> str:
    """What is about to be done after a restore."""
    may_be_sent = f"{_batches(outlook.batches)} with {_calls(outlook.calls)} could still be sent."
    lines = [
        f"{may_be_sent} They may have been sent since the backup was made: they will be held.",
        f"The reports name {_calls(outlook.in_ledger)} that this ledger has. Those that are held become accepted.",
        f"The reports name {_calls(outlook.lost)} that it lacks. They will be remembered, not placed again.",
    ]
    if outlook.foreign:
        lines.append(
            f"Left out, since by their client-identifier they are not this project's: {_calls(outlook.foreign)}."
        )
    if outlook.nameless:
        lines.append(
            f"Without a client-identifier: {counted(outlook.nameless, 'row')}. If the ledger does not have their "
            "calls, nothing recognises them, and they can be placed a second time: export the report with "
            "client-identifiers."
        )
    lines.append(
        "The reports must reach from the time of the backup (for a lost ledger: from its last days) to now. A call "
        "that neither this ledger nor a report has is placed when its contact is planned again."
    )
    return "\n".join(lines)


def told_restored(restored: Restored) -> str:
    """What was done after a restore, and what is left to do."""
    lines = [
        f"{_batches(restored.batches)} with {_calls(restored.calls)} held.",
        told_evidence(restored.evidence),
        f"{_calls(restored.remembered)} remembered that the ledger did not have.",
        "",
        "What remains to be done:",
        _held_by_interval(restored.waiting) if restored.waiting else "Nothing is held.",
    ]
    if restored.waiting:
        lines.append(
            "No report has shown these. Settle them with phonon held: evidence, if a report comes that reaches "
            "further; release what was certainly not received; close the rest."
        )
    lines.append(
        "Then phonon resume, and run every interval since the backup again, the oldest first: contacts whose calls "
        "are remembered become accepted, the others are called."
    )
    return "\n".join(lines)


def _held_by_interval(found: Sequence[Case]) -> str:
    batches = Counter((case.campaign, case.interval_key) for case in found)
    calls: Counter[tuple[str, str]] = Counter()
    for case in found:
        calls[case.campaign, case.interval_key] += case.calls
    rows = [(*key, str(count), str(calls[key])) for key, count in sorted(batches.items())]
    return _table(("campaign", "interval", "held batches", "calls"), rows)


def _calls(count: int) -> str:
    return counted(count, "call")


def _batches(count: int) -> str:
    return counted(count, "batch", "batches")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
