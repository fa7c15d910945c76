"""Breaks of the outbox, of claims and of how the ledger is opened."""

from __future__ import annotations

from mutations.mutation import Mutation

_OUTBOX = "ledger/test_ledger_outbox.py"
_FENCES = "ledger/test_ledger_fences.py"
_WHOLE = "ledger/test_ledger_as_a_whole.py::test_whatever_happens_the_ledger_keeps_its_promises[sqlite]"

LEDGER = (
    Mutation(
        "record-without-a-fence",
        "ledger/outbox.py",
        "_RECORD = update(batches).where(*_KNOWN)",
        '_RECORD = update(batches).where(batches.c.id == bindparam("known_id"), '
        'batches.c.fence >= bindparam("known_fence"))',
        (_OUTBOX,),
    ),
    Mutation(
        "record-leaves-the-fence",
        "ledger/outbox.py",
        '"fence": fence + 1,',
        '"fence": fence,',
        (_FENCES,),
    ),
    Mutation(
        "take-without-a-fence",
        "ledger/outbox.py",
        "_TAKE = update(batches).where(*_KNOWN, batches.c.state.in_(written_out(_SENDABLE)))",
        '_TAKE = update(batches).where(batches.c.id == bindparam("known_id"), '
        'batches.c.fence >= bindparam("known_fence"), batches.c.state.in_(written_out(_SENDABLE)))',
        (_OUTBOX, _WHOLE),
    ),
    Mutation(
        "take-without-looking",
        "ledger/outbox.py",
        "_TAKE = update(batches).where(*_KNOWN, batches.c.state.in_(written_out(_SENDABLE)))",
        '_TAKE = update(batches).where(batches.c.id == bindparam("known_id"), '
        'batches.c.fence >= bindparam("known_fence"))',
        (_OUTBOX,),
    ),
    Mutation(
        "batch-of-another-sender-is-sent",
        "ledger/outbox.py",
        "            continue  # another sender has it\n",
        "            taken.append(batch)\n            continue\n",
        (_OUTBOX,),
    ),
    Mutation(
        "held-is-sent-again",
        "ledger/outbox.py",
        "_SENDABLE = (BatchState.PENDING, BatchState.UNKNOWN)",
        "_SENDABLE = (BatchState.PENDING, BatchState.UNKNOWN, BatchState.HELD)",
        ("faults/test_answers_lost.py", _WHOLE),
    ),
    Mutation(
        "what-is-being-sent-is-taken-again",
        "ledger/outbox.py",
        "_SENDABLE = (BatchState.PENDING, BatchState.UNKNOWN)",
        "_SENDABLE = (BatchState.PENDING, BatchState.UNKNOWN, BatchState.SENDING)",
        (_OUTBOX, _WHOLE),
    ),
    Mutation(
        "recovered-is-pending",
        "ledger/outbox.py",
        '            "state": BatchState.UNKNOWN,\n            "past": Past(row.past).after_silence(),\n',
        '            "state": BatchState.PENDING,\n            "past": Past(row.past),\n',
        (_OUTBOX,),
    ),
    Mutation(
        "recovered-is-sent-like-pending",
        "ledger/outbox.py",
        '            "state": BatchState.UNKNOWN,\n',
        '            "state": BatchState.PENDING,\n',
        (_OUTBOX, _WHOLE),
    ),
    Mutation(
        "recovered-was-never-sent",
        "ledger/outbox.py",
        '            "past": Past(row.past).after_silence(),\n',
        '            "past": Past(row.past),\n',
        (_OUTBOX,),
    ),
    Mutation(
        "recovery-leaves-the-fence",
        "ledger/outbox.py",
        '            "fence": row.fence + 1,\n',
        '            "fence": row.fence,\n',
        (_OUTBOX, _WHOLE),
    ),
    Mutation(
        "recovery-before-the-lease-ends",
        "ledger/outbox.py",
        "if row.lease_until <= now or is_dead(row.owner)]",
        "if row.lease_until - 30 <= now or is_dead(row.owner)]",
        (_OUTBOX, _WHOLE),
    ),
    Mutation(
        "spoilt-bytes-are-sent",
        "ledger/outbox.py",
        "if frozen is None or hashlib.sha256(frozen).hexdigest() != row.frozen_sha256:",
        "if frozen is None:",
        (_OUTBOX,),
    ),
    Mutation(
        "numbers-of-open-batches-are-erased",
        "ledger/outbox.py",
        ".where(batches.c.state.in_(sorted(SETTLED)), batches.c.changed_at < before, ",
        ".where(batches.c.changed_at < before, ",
        (_OUTBOX,),
    ),
    Mutation(
        "dead-when-it-cannot-be-told",
        "ledger/owner.py",
        "not pid.isdigit():\n        return False\n",
        "not pid.isdigit():\n        return True\n",
        ("ledger/test_ledger_owner.py",),
        simulated=False,
    ),
    Mutation(
        "number-of-a-process-is-its-name",
        "ledger/owner.py",
        "return _started(int(pid)) != started",
        'return _started(int(pid)) == ""',
        ("ledger/test_ledger_owner.py",),
        simulated=False,
    ),
    Mutation(
        "claim-for-each-run",
        "ledger/claims.py",
        "    interval_id = find_interval(connection, campaign, interval_key)\n",
        "    interval_id = find_interval(connection, campaign, interval_key + run_id)\n",
        ("planning/test_planning_planner.py",),
    ),
    Mutation(
        "contact-can-be-claimed-twice",
        "ledger/migrations/versions/v0001_first.py",
        '        sa.PrimaryKeyConstraint("interval_id", "contact_id"),\n',
        "",
        ("ledger/test_ledger_claims.py",),
    ),
    Mutation(
        "plans-of-a-campaign-at-once",
        "ledger/claims.py",
        '    if connection.dialect.name == "postgresql":\n        digest',
        '    if connection.dialect.name == "none":\n        digest',
        ("faults/test_runs_overlap.py::test_two_runs_that_plan_at_once_claim_every_contact_once",),
        simulated=False,
    ),
    Mutation(
        "transactions-begin-deferred",
        "ledger/store.py",
        'execute("BEGIN" if read_only else "BEGIN IMMEDIATE")',
        'execute("BEGIN")',
        (
            _OUTBOX,
            "concurrency/test_senders_share_the_work.py::test_four_processes_share_an_interval",
        ),
        simulated=False,
    ),
    Mutation(
        "commit-does-not-reach-the-disk",
        "ledger/store.py",
        '"PRAGMA synchronous = FULL"',
        '"PRAGMA synchronous = OFF"',
        ("ledger/test_ledger_durability.py",),
        simulated=False,
    ),
    Mutation(
        "being-sent-is-shown-as-pending",
        "ledger/states.py",
        "    if state in {BatchState.SENDING, BatchState.UNKNOWN, BatchState.CLOSED}:\n",
        "    if state is BatchState.SENDING:\n        return CallStatus.PENDING\n"
        "    if state in {BatchState.UNKNOWN, BatchState.CLOSED}:\n",
        ("ledger/test_ledger_report.py",),
    ),
    Mutation(
        "doubtful-is-shown-as-pending",
        "ledger/states.py",
        "if state is BatchState.PENDING and past.may_be_accepted:",
        "if state is BatchState.PENDING and past.has_silence:",
        ("ledger/test_ledger_report.py",),
    ),
    Mutation(
        "rejected-rows-are-not-shown",
        "ledger/report.py",
        "        if interval.plan_id is not None:\n            yield from",
        "        if interval.plan_id == 0:\n            yield from",
        ("ledger/test_ledger_report.py",),
        simulated=False,
    ),
    Mutation(
        "results-are-read-of-many-moments",
        "ledger/report.py",
        "            connection.execute(_ONE_MOMENT)\n",
        "            pass\n",
        ("ledger/test_ledger_report.py",),
        simulated=False,
    ),
)
