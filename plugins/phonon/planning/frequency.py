"""The frequency limit: at most so many calls to one number in so many days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import Connection

from phonon.calling_window import CallingWindow
from phonon.ledger.claims import LastUse, Plan, Reject, count_uses, last_uses
from phonon.ledger.store import Ledger
from phonon.planning.drafts import Draft
from phonon.planning.rules import PlanningRules


class FrequencyLimit:
    """Takes out numbers that were called often enough; a contact without another number is suppressed."""

    def __init__(self, ledger: Ledger, rules: PlanningRules) -> None:
        self._ledger = ledger
        self._scope = rules.scope
        self._window = rules.window
        # A test run calls nobody's number but the tester's, as often as asked.
        self._limit = None if rules.test_numbers else rules.per_number
        self._hashes: dict[str, int] = {}  # of the numbers of a chunk

    def apply(
        self, connection: Connection, plan: Plan, drafts: Sequence[Draft], rejects: list[Reject]
    ) -> list[Draft]:
        """Apply the limit to drafts in their order; what is suppressed is added to ``rejects``."""
        if self._limit is None or not drafts:
            return list(drafts)
        self._hashes = self._ledger.number_hashes({number for draft in drafts for number in draft.numbers})
        by_day: dict[datetime, list[Draft]] = defaultdict(list)
        days = {start: self._since(start) for start in {draft.start for draft in drafts}}
        for draft in drafts:
            by_day[days[draft.start]].append(draft)
        kept: list[Draft] = []
        for since, of_day in sorted(by_day.items()):
            kept += self._apply(connection, plan, of_day, since, kept, rejects)
        return kept

    def hashes_of(self, draft: Draft) -> Sequence[int]:
        """What a call of the chunk counts by: the hash of each of its numbers, if there is a limit."""
        return () if self._limit is None else tuple(map(self._hashes.__getitem__, draft.numbers))

    def _apply(
        self,
        connection: Connection,
        plan: Plan,
        drafts: Sequence[Draft],
        since: datetime,
        earlier: Sequence[Draft],
        rejects: list[Reject],
    ) -> list[Draft]:
        """Apply it to drafts of one day; ``earlier`` are kept of the days before and not in the ledger yet."""
        assert self._limit is not None  # noqa: S101 - tells the type checker what apply() has seen
        asked = Counter(number for draft in drafts for number in draft.numbers)
        found = count_uses(connection, self._scope, sorted(map(self._hashes.__getitem__, asked)), since.timestamp())
        uses = Counter({number: found.get(self._hashes[number], 0) for number in asked} if found else None)
        uses.update(number for draft in earlier if draft.start >= since for number in draft.numbers)
        short = {number for number, times in asked.items() if uses.get(number, 0) + times > self._limit.calls}
        if not short:
            return list(drafts)
        kept, over = [], []
        for draft in drafts:
            if short.isdisjoint(draft.numbers):
                kept.append(draft)
                continue
            free = [number for number in draft.numbers if uses[number] < self._limit.calls]
            uses.update(free)
            if free:
                kept.append(draft._replace(numbers=free))
            else:
                over.append(draft)
        rejects += self._rejects(connection, plan, over, since, [*earlier, *kept])
        return kept

    def _rejects(
        self, connection: Connection, plan: Plan, over: Sequence[Draft], since: datetime, kept: Sequence[Draft]
    ) -> list[Reject]:
        """Reject drafts, each with the call that its first number has had; ``kept`` are not in the ledger yet."""
        if not over:
            return []
        taken = {number: draft.contact_id for draft in kept for number in draft.numbers if draft.start >= since}
        asked = sorted({self._hashes[draft.numbers[0]] for draft in over if draft.numbers[0] not in taken})
        found = last_uses(connection, self._scope, asked, since.timestamp()) if asked else {}
        for number_hash, use in found.items():
            if (use.interval_id, use.run_id) == (plan.interval_id, plan.run_id):
                taken |= {each: use.contact_id for each, hashed in self._hashes.items() if hashed == number_hash}
        rejects = []
        for draft in over:
            number = draft.numbers[0]
            same = taken.get(number)
            reason = _called(found[self._hashes[number]], self._window) if same is None else _same_number(same)
            rejects.append(draft.suppressed(reason))
        return rejects

    def _since(self, start: datetime) -> datetime:
        """The start of the first of the days that count for a call that starts then."""
        assert self._limit is not None  # noqa: S101 - as above
        day = start.astimezone(self._window.timezone).date() - timedelta(days=self._limit.days - 1)
        return datetime.combine(day, time(), self._window.timezone)


def _same_number(contact_id: str) -> str:
    return f"same number as {contact_id} in this run"


def _called(use: LastUse, window: CallingWindow) -> str:
    day = datetime.fromtimestamp(use.starts_at, window.timezone).date()
    return f"called on {day} by {use.campaign}"
