"""The bytes of a released batch: the same calls, and never the bytes that were sent before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from phonon.api.request import encode_start_time, freeze_objects, thaw, with_start_time
from phonon.ledger.outbox import Batch
from phonon.ledger.settlements import Renewal
from phonon.planning.start_times import CLOSING_MARGIN, last_sending_time


def renew(batch: Batch, now: float) -> Renewal:
    """Freeze the calls of a held batch for another send: starts that are past become ``now``, whole seconds.

    The client-identifiers stay: they are the same for a contact and an interval whatever happens. The bytes
    never do, since Phonon would refuse them as a repetition; where no start is past, the first call's moves by
    a second. So starts only ever grow, and no batch that came of releases repeats an earlier one.
    """
    start = datetime.fromtimestamp(int(now), UTC)
    if start > last_sending_time(start):
        start = last_sending_time(start) + CLOSING_MARGIN  # midnight: this day's calls cannot be sent any more
    before = thaw(batch.frozen)
    text = encode_start_time(start)
    after = thaw(with_start_time(batch.frozen, text, before=text))
    if after == before:
        after[0]["start-time"] = encode_start_time(_start_of(after[0]["start-time"]) + timedelta(seconds=1))
    moved: dict[float, list[str]] = {}
    for old, new in zip(before, after, strict=True):
        if old["start-time"] != new["start-time"]:
            moved.setdefault(_start_of(new["start-time"]).timestamp(), []).append(new["client-identifier"])
    earliest = min(_start_of(call["start-time"]) for call in after)
    return Renewal(freeze_objects(after), earliest.timestamp(), last_sending_time(earliest).timestamp(), moved)


def _start_of(text: str) -> datetime:
    return datetime.fromisoformat(text)
