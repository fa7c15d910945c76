"""Follow-ups: only contacts are called whose latest call in another campaign ended in a given way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from logging import Logger

from sqlalchemy import Connection

from phonon.duration import duration_words
from phonon.ledger.claims import Reject
from phonon.ledger.followed import PastCall, RecentCalls, knows_campaign
from phonon.ledger.states import CallStatus
from phonon.planning.drafts import Draft
from phonon.planning.rules import FollowUpRule, PlanningRules


class FollowUps:
    """Keeps the contacts that a campaign follows up; the others are suppressed, each with its reason.

    What counts is the ledger, since the results in the warehouse may lag behind it.
    """

    def __init__(self, rules: PlanningRules, log: Logger) -> None:
        # A test run calls nobody's number but the tester's.
        self._rule = None if rules.test_numbers else rules.follow_up
        self._campaign = rules.campaign
        self._log = log
        self._recent: RecentCalls | None = None

    def apply(
        self, connection: Connection, drafts: Sequence[Draft], rejects: list[Reject], now: datetime
    ) -> list[Draft]:
        """Apply the rule; what is suppressed is added to ``rejects``. The campaign has to be locked."""
        rule = self._rule
        if rule is None or not drafts:
            return list(drafts)
        if self._recent is None:
            self._recent = self._look_back(connection, rule, now)
        found: dict[str, list[PastCall]] = defaultdict(list)
        for call in self._recent.of(connection, [draft.contact_id for draft in drafts], now.timestamp()):
            found[call.contact_id].append(call)
        kept = []
        for draft in drafts:
            objection = why_not(rule, draft.start.timestamp(), found[draft.contact_id])
            if objection is None:
                kept.append(draft)
            else:
                rejects.append(draft.suppressed(f"follow-up: {objection}"))
        return kept

    def _look_back(self, connection: Connection, rule: FollowUpRule, now: datetime) -> RecentCalls:
        if not knows_campaign(connection, rule.of):
            self._log.warning(
                "The ledger has no call of a campaign %s, so nobody is followed up. If it has run before, it has "
                "another name, or another ledger: correct follow_up.of of campaign %s",
                rule.of,
                self._campaign,
            )
        return RecentCalls((rule.of, self._campaign), (now - rule.within).timestamp())


def why_not(rule: FollowUpRule, start: float, calls: Sequence[PastCall]) -> str | None:
    """Why a contact is not followed up by a call that starts then, or None if it is.

    :param start: seconds since the epoch.
    :param calls: those of the followed campaign to the contact, and those of the campaign that follows.
    """
    since = start - rule.within.total_seconds()
    followed = [call for call in calls if call.campaign == rule.of and call.at >= since]
    if not followed:
        return f"not called by {rule.of} in {duration_words(rule.within)}"
    latest = max(followed, key=lambda call: call.at)
    if latest.status not in rule.statuses:
        return f"{latest.status} in {rule.of}"
    if latest.status is CallStatus.REFUSED and rule.codes and latest.code not in rule.codes:
        return f"refused with {latest.code} in {rule.of}"
    since_then = [call.at for call in calls if call.campaign != rule.of and call.at >= latest.at and _counts(call)]
    if len(since_then) >= rule.at_most:
        return f"{len(since_then)} time{'' if len(since_then) == 1 else 's'} already"
    if start - max([latest.at, *since_then]) < rule.apart.total_seconds():
        return f"less than {duration_words(rule.apart)} since the last call"
    return None


def _counts(call: PastCall) -> bool:
    return call.status is not CallStatus.EXPIRED
