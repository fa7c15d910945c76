"""Breaks of what stands around the sender: planning, what people settle, and the warehouse."""

from __future__ import annotations

from mutations.mutation import Mutation

_PLANNER = "planning/test_planning_planner.py"
_STARTS = "planning/test_planning_start_times.py"
_SETTLEMENTS = "ledger/test_ledger_settlements.py"
_FENCES = "ledger/test_ledger_fences.py"
_EVIDENCE = "review/test_review_evidence.py"
_WRITING = "warehouse/test_warehouse_writing.py"

AROUND = (
    Mutation(
        "identifier-without-its-interval",
        "planning/identity.py",
        "_with_length(campaign) + _with_length(interval_key)",
        "_with_length(campaign)",
        ("planning/test_planning_identity.py",),
    ),
    Mutation(
        "claimed-contacts-are-planned-again",
        "planning/drafts.py",
        "        elif draft.contact_id not in earlier:\n",
        "        else:\n",
        (_PLANNER,),
    ),
    Mutation(
        "failing-query-leaves-its-calls-planned",
        "planning/planner.py",
        "            if self._changes is not None:\n",
        "            if self._changes is None:\n",
        ("planning/test_planning_query_fails.py",),
        simulated=False,
    ),
    Mutation(
        "undoing-takes-what-a-sender-has",
        "ledger/undo.py",
        "        batches.c.state == BatchState.PENDING,\n"
        "        batches.c.past == Past.FIRST,\n"
        "        batches.c.attempts == 0,\n"
        "        batches.c.sent_at.is_(None),\n",
        "",
        ("planning/test_planning_query_fails.py",),
        simulated=False,
    ),
    Mutation(
        "suppress-query-spares-nobody-who-is-planned",
        "campaign/extraction.py",
        "        if suppressed is not None and not run.dry_run:\n",
        "        if suppressed is not None and run.dry_run:\n",
        ("campaign/test_campaign_suppress.py",),
        simulated=False,
    ),
    Mutation(
        "planned-outside-the-window",
        "planning/start_times.py",
        "earliest_start(self._window, ",
        "(lambda moment: moment)(",
        (_STARTS,),
    ),
    Mutation(
        "day-ends-at-midnight-sharp",
        "planning/start_times.py",
        "return (day + timedelta(days=1) - CLOSING_MARGIN).astimezone(UTC)",
        "return (day + timedelta(days=1)).astimezone(UTC)",
        (_STARTS,),
    ),
    Mutation(
        "batch-mixes-days",
        "planning/planner.py",
        "    for _, of_day in groupby(encoded, key=lambda each: last_time(each.draft.start)):\n",
        "    for _, of_day in groupby(encoded, key=lambda _: 0):\n",
        ("planning/test_planning_days.py",),
        simulated=False,
    ),
    Mutation(
        "number-is-called-as-often-as-wished",
        "planning/frequency.py",
        "if uses[number] < self._limit.calls]",
        "if uses[number] <= self._limit.calls]",
        (_PLANNER,),
        simulated=False,
    ),
    Mutation(
        "number-is-looked-at-one-call-too-late",
        "planning/frequency.py",
        "if uses.get(number, 0) + times > self._limit.calls}",
        "if uses.get(number, 0) + times > self._limit.calls + 1}",
        (_PLANNER,),
        simulated=False,
    ),
    Mutation(
        "held-calls-do-not-count-for-the-number",
        "ledger/claims.py",
        "batches.c.state.not_in([BatchState.REFUSED, BatchState.EXPIRED]),",
        "batches.c.state.not_in([BatchState.REFUSED, BatchState.EXPIRED, BatchState.HELD, BatchState.UNKNOWN]),",
        ("ledger/test_ledger_claims.py",),
        simulated=False,
    ),
    Mutation(
        "dry-run-sends",
        "campaign/job.py",
        "        if self._run.dry_run:\n            level =",
        "        if self._run.dry_run and not waiting:\n            level =",
        ("faults/test_dry_run.py",),
        simulated=False,
    ),
    Mutation(
        "nobody-asks-the-witness",
        "campaign/job.py",
        "            self._witness()\n",
        "",
        ("campaign/test_campaign_witness.py",),
        simulated=False,
    ),
    Mutation(
        "a-higher-sequence-is-no-gap",
        "campaign/witness.py",
        "    if run.sequence > known.sequence:\n",
        "    if run.sequence > known.sequence + 1:\n",
        ("campaign/test_campaign_witness.py",),
        simulated=False,
    ),
    Mutation(
        "another-ledger-is-no-gap",
        "campaign/witness.py",
        "        return Gap.STRANGER\n",
        "        return None\n",
        ("campaign/test_campaign_witness.py",),
        simulated=False,
    ),
    Mutation(
        "a-forgetful-ledger-overwrites",
        "campaign/results.py",
        "        self._witness.check(is_written=True)\n",
        "",
        ("campaign/test_campaign_witness.py",),
        simulated=False,
    ),
    Mutation(
        "settling-leaves-the-fence",
        "ledger/settlements.py",
        "            fence=case.fence + 1,\n",
        "            fence=case.fence,\n",
        (_FENCES,),
    ),
    Mutation(
        "settling-without-a-fence",
        "ledger/settlements.py",
        "batches.c.fence == case.fence, batches.c.state == BatchState.HELD)",
        "batches.c.state == BatchState.HELD)",
        (_FENCES,),
    ),
    Mutation(
        "settling-whatever-the-batch-is-by-now",
        "ledger/settlements.py",
        "batches.c.fence == case.fence, batches.c.state == BatchState.HELD)",
        "batches.c.fence <= 1_000_000)",
        (_SETTLEMENTS,),
    ),
    Mutation(
        "what-is-not-held-is-settled",
        "ledger/settlements.py",
        '        case BatchState.HELD:\n            return ""\n',
        '        case BatchState.HELD | BatchState.UNKNOWN | BatchState.SENDING:\n            return ""\n',
        (_SETTLEMENTS,),
    ),
    Mutation(
        "released-batch-keeps-its-bytes",
        "review/renewal.py",
        "    if after == before:\n",
        "    if not after:\n",
        ("review/test_review_renewal.py",),
    ),
    Mutation(
        "evidence-accepts-the-whole-batch",
        "ledger/settlements.py",
        "    if others or len(proofs) < case.calls:\n",
        "    if others:\n",
        (_SETTLEMENTS,),
    ),
    Mutation(
        "some-uuids-of-a-request-prove-all-of-it",
        "review/proving.py",
        "        if listed == sent:\n",
        "        if listed:\n",
        (_EVIDENCE,),
        simulated=False,
    ),
    Mutation(
        "closed-calls-are-reopened-by-evidence",
        "review/proving.py",
        "if state is BatchState.HELD]",
        "if state in {BatchState.HELD, BatchState.CLOSED}]",
        (_EVIDENCE,),
        simulated=False,
    ),
    Mutation(
        "push-replaces-by-run",
        "warehouse/tables.py",
        'return Table(name, _RESULTS, key=("campaign", "interval_key"))',
        'return Table(name, _RESULTS, key=("campaign", "run_id"))',
        (_WRITING,),
        simulated=False,
    ),
    Mutation(
        "push-keeps-the-old-rows",
        "warehouse/duckdb_warehouse.py",
        "        connection.execute(DUCKDB.delete(table), [key[name] for name in table.key])\n",
        "",
        (_WRITING,),
        simulated=False,
    ),
    Mutation(
        "push-is-seen-half-done",
        "warehouse/duckdb_warehouse.py",
        "        connection.begin()\n",
        "",
        (_WRITING,),
        simulated=False,
    ),
    Mutation(
        "two-pushes-at-once-double-the-rows",
        "warehouse/postgres_warehouse.py",
        "            cursor.execute(_LOCK, (_name_of_lock(table, values),))\n",
        "",
        (_WRITING,),
        simulated=False,
    ),
)
