"""What people are told of a run: a subject and a text for each event. No phone numbers, no secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Any

from phonon.campaign.model import Campaign
from phonon.campaign.notification import Event
from phonon.wording import counted, in_zone, span

_SHOWN_BATCHES = 10
_SETTLE = "settle them with the Dag phonon_held_batches, or on the command line, from 'phonon held list' on"
_STOPS = {
    Event.TOP_UP: "the Phonon account needs a top-up",
    Event.FIX_CONFIGURATION: "the configuration has to be mended",
}


@dataclass(frozen=True)
class Notice:
    """What there is to say; ``phonon`` in the templates of a notifier's arguments.

    ``counts`` are calls by status, as the results table shows them, ``codes`` calls by response code. ``text`` has
    several lines. ``run_url`` and ``task_url`` are the pages of Airflow's UI, empty where nobody knows its address.
    """

    event: Event
    campaign: str
    interval_key: str
    run_id: str
    subject: str
    text: str
    counts: Mapping[str, int]
    codes: Mapping[str, int]
    run_url: str = ""
    task_url: str = ""

    @property
    def html(self) -> str:
        """The text for a mail or a page in HTML."""
        return escape(self.text).replace("\n", "<br>\n")

    def linked(self, *, run_url: str, task_url: str) -> Notice:
        """Return the notice with links to the run and the task that it is about, in its text too."""
        text = f"{self.text}\nRun: {run_url}\nTask: {task_url}"
        return replace(self, text=text, run_url=run_url, task_url=task_url)


@dataclass(frozen=True)
class Told:
    """The run that a notice is about."""

    campaign: Campaign
    run_id: str
    interval_key: str
    dry_run: str = ""
    """Why the run sends nothing; empty if it sends."""
    remedy: str = ""
    """What to do to have them called all the same; empty where a person asked for the dry run."""

    def notice(
        self,
        event: Event,
        subject: str,
        lines: Sequence[str],
        *,
        counts: Mapping[str, int] | None = None,
        codes: Mapping[str, int] | None = None,
    ) -> Notice:
        """Make a notice that says which campaign, interval and run it is about."""
        name = self.campaign.name
        dry = "dry run " if self.dry_run and not self.remedy else ""
        head = f"Campaign {name}, interval {self.interval_key}, run {self.run_id}"
        text = "\n".join([head, *lines])
        return Notice(
            event,
            name,
            self.interval_key,
            self.run_id,
            f"[{name}] {dry}{subject}",
            text,
            dict(counts or {}),
            dict(codes or {}),
        )


def invalid_notice(campaign: str, interval_key: str, run_id: str, *, text: str) -> Notice:
    """A campaign's file is broken, and its run fails instead of calling. ``text``: what is wrong, in sentences."""
    head = f"Campaign {campaign}, interval {interval_key}, run {run_id}"
    subject = f"[{campaign}] stopped: the campaign file is invalid, nobody is called"
    return Notice(Event.FIX_CONFIGURATION, campaign, interval_key, run_id, subject, f"{head}\n{text}", {}, {})


def held_notice(told: Told, summary: Mapping[str, Any]) -> Notice:
    """Batches are held. ``summary``: what ``trigger_calls`` gave."""
    held = summary["held"]
    calls = counted(summary["held_calls"], "call")
    were = "was" if summary["held_calls"] == 1 else "were"
    lines = [
        f"{calls} {were} sent, and nobody knows whether Phonon accepted them. Nothing more of them is sent.",
        *(
            f"Batch {batch['batch_id']}: {counted(batch['calls'], 'call')}{_sent(told, batch)}: {batch['reason']}"
            for batch in held[:_SHOWN_BATCHES]
        ),
        *(["... and more"] if len(held) > _SHOWN_BATCHES else []),
        f"What to do: look at Phonon's report, then {_SETTLE}.",
    ]
    return told.notice(Event.HELD, f"{calls} held", lines, counts=summary["by_status"], codes=summary["by_code"])


def stopped_notice(told: Told, summary: Mapping[str, Any]) -> Notice:
    """Phonon refused for a reason that a person has to mend. ``summary``: what ``trigger_calls`` gave."""
    event = Event(summary["stop"])
    pending = counted(summary["by_status"].get("pending", 0), "call")
    return told.notice(
        event,
        f"stopped: {_STOPS[event]}, {pending} pending",
        [
            summary["message"],
            f"Calls by status: {_listed(summary['by_status'])}",
            f"Calls by response code: {_listed(summary['by_code'])}",
            _where(told.campaign),
        ],
        counts=summary["by_status"],
        codes=summary["by_code"],
    )


def approval_notice(told: Told, *, calls: int, why: str) -> Notice:
    """A run waits for a person. ``calls``: how many it would place. ``why``: whole sentences."""
    wait = "waits" if calls == 1 else "wait"
    lines = [
        why,
        "What to do: approve or reject in the Airflow UI, under Browse > Required Actions. Nothing is sent before.",
    ]
    return told.notice(
        Event.APPROVAL, f"{counted(calls, 'call')} {wait} for approval", lines, counts={"pending": calls}
    )


def finished_notice(
    told: Told,
    *,
    counts: Mapping[str, int],
    codes: Mapping[str, int],
    seconds: float,
    reasons: Mapping[str, int],
    summary: Mapping[str, Any],
    failed: str = "",
) -> Notice:
    """The results of a run are in the warehouse.

    :param counts: calls by status. :param codes: calls by response code.
    :param seconds: from the first send to the last answer.
    :param reasons: why people were not called, with how many each.
    :param summary: what ``trigger_calls`` gave; empty if it did not end well.
    :param failed: what the run failed of, for one without a summary.
    """
    campaign = told.campaign
    if not summary:
        word, ending = "failed", [failed]
    elif summary["stop"]:
        word, ending = "stopped", [summary["message"]]
    else:
        word, ending = "finished", _left(counts, summary)
    if told.remedy:
        word, ending = f"{told.dry_run}, nobody was called", [told.remedy, *ending]
    lines = [
        f"Calls by status: {_listed(counts)}",
        f"Calls by response code: {_listed(codes)}",
        f"Not called, by reason: {_listed(reasons)}",
        f"From the first send to the last answer: {span(seconds)}",
        _where(campaign),
        *ending,
    ]
    return told.notice(Event.FINISHED, f"{word}: {_listed(counts)}", lines, counts=counts, codes=codes)


def not_pushed_notice(told: Told, *, error: str, task_id: str) -> Notice:
    """The results of a run could not be written, at the last try. ``task_id``: the task that writes them."""
    lines = [
        error,
        f"What was sent is in the ledger, and nobody is called twice. When it is mended, clear {task_id}.",
    ]
    return told.notice(Event.FINISHED, "failed: the results could not be written", lines)


def _left(counts: Mapping[str, int], summary: Mapping[str, Any]) -> list[str]:
    """What to do about the calls of a run that ended well."""
    lines = []
    if counts.get("pending"):
        pending = counted(counts["pending"], "call")
        lines.append(
            f"{pending} pending, since the run had placed as many as its limit allows. Run the interval again, "
            "without a limit or with another; those whose day is over expire."
            if summary.get("at_limit")
            else f"{pending} pending, since the calling hours did not let them go. Clear trigger_calls inside the "
            "hours, or run the interval again; those whose day is over expire."
        )
    if counts.get("held"):
        lines.append(f"{counted(counts['held'], 'call')} held: {_SETTLE}.")
    return lines


def _sent(told: Told, batch: Mapping[str, Any]) -> str:
    """When a batch was sent, on the campaign's clocks, and by which request, as far as either is known."""
    zone = told.campaign.calling_window.timezone
    at = f", sent at {in_zone(datetime.fromisoformat(batch['sent_at']), zone)}" if batch["sent_at"] else ""
    return f"{at}, request-id {batch['request_id']}" if batch["request_id"] else at


def _where(campaign: Campaign) -> str:
    return f"Results: table {campaign.results_table}, connection {campaign.warehouse_conn_id}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none"
