"""Breaks of the limit: who shares it, what counts against it, and for how long."""

from __future__ import annotations

from mutations.mutation import Mutation

_BUDGET = "ledger/test_ledger_budget.py"
_OUTBOX = "ledger/test_ledger_outbox.py"
_SHARED = "concurrency/test_limit_is_shared.py"
_OWN = "limit = RateLimit(limit.endpoint, limit.account + sender.{}, limit.per_minute, limit.counts_requests)"
_ROOM = "    fit, when = room(connection, limit, "

BUDGET = (
    Mutation(
        "limit-for-each-process",
        "ledger/outbox.py",
        _ROOM,
        f"    {_OWN.format('owner')}\n{_ROOM}",
        (f"{_SHARED}::test_processes_that_send_for_minutes_keep_the_limit",),
    ),
    Mutation(
        "limit-for-each-run",
        "ledger/outbox.py",
        _ROOM,
        f"    {_OWN.format('run_id')}\n{_ROOM}",
        (f"{_SHARED}::test_senders_of_two_campaigns_stop_together_when_their_minute_is_full",),
    ),
    Mutation(
        "limit-for-each-campaign",
        "campaign/job.py",
        "account = self._ledger.account(settings.security_id)",
        "account = self._ledger.account(settings.security_id + self._campaign.name)",
        (f"{_SHARED}::test_senders_of_two_campaigns_stop_together_when_their_minute_is_full",),
        simulated=False,
    ),
    Mutation(
        "accounts-share-a-limit",
        "ledger/budget.py",
        '    sends.c.account == bindparam("account"),\n',
        "",
        (_BUDGET,),
    ),
    Mutation(
        "endpoints-share-a-limit",
        "ledger/budget.py",
        '    sends.c.endpoint == bindparam("endpoint"),\n',
        "",
        (_BUDGET,),
    ),
    Mutation(
        "send-counts-from-its-start-only",
        "ledger/budget.py",
        '    sends.c.counts_until > bindparam("now"),\n',
        '    sends.c.started_at + WINDOW_SECONDS > bindparam("now"),\n',
        (_BUDGET,),
    ),
    Mutation(
        "silence-gives-its-room-back",
        "ledger/outbox.py",
        "    if not answered.sent:\n",
        "    if not answered.sent or answered.http_status is None:\n",
        (_BUDGET,),
    ),
    Mutation(
        "silence-counts-like-an-answer",
        "ledger/outbox.py",
        "    elif answered.http_status is not None:\n",
        "    else:\n",
        (_BUDGET,),
    ),
    Mutation(
        "killed-send-counts-for-its-lease-only",
        "ledger/outbox.py",
        '"counts_until": now + sender.lease_seconds + WINDOW_SECONDS,',
        '"counts_until": now + sender.lease_seconds,',
        (_BUDGET, _OUTBOX),
    ),
    Mutation(
        "late-answer-is-not-on-record",
        "ledger/outbox.py",
        "            connection.execute(_ANSWER, {**known, **_send_columns(answered, now)})\n",
        "            late_columns = {**known, **_send_columns(answered, now)}\n"
        "            if connection.execute(_RECORD, {**known, **values}).rowcount == 1:\n"
        "                connection.execute(_ANSWER, late_columns)\n"
        '                known = {**known, "known_fence": fence + 1}\n',
        (
            "ledger/test_ledger_settlements.py::test_a_sender_that_answers_after_a_release_records_nothing_but_its_send",
        ),
    ),
    Mutation(
        "room-is-given-twice",
        "ledger/budget.py",
        "    .with_for_update()\n",
        "",
        ("concurrency/test_limit_is_shared.py", _OUTBOX),
        simulated=False,
    ),
    Mutation(
        "room-is-one-call-too-much",
        "ledger/budget.py",
        "weights[fit] <= free:",
        "weights[fit] <= free + 1:",
        (_BUDGET,),
    ),
    Mutation(
        "429-does-not-slow-down",
        "dispatch/dispatcher.py",
        "slow_down(connection, limit, now, each.retry_after)",
        "pass",
        ("dispatch/test_dispatch_whole_runs.py::test_above_the_limit_everybody_waits_and_the_run_ends_complete",),
    ),
    Mutation(
        "request-counts-as-many-calls-as-it-has",
        "ledger/budget.py",
        "return 1 if self.counts_requests else calls",
        "return calls",
        (_BUDGET,),
        simulated=False,
    ),
)
