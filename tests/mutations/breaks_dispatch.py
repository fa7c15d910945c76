"""Breaks of the sender: what it does before a send, after one, and between."""

from __future__ import annotations

from mutations.mutation import Mutation

_ADMISSION = "dispatch/test_dispatch_admission.py"
_SETTLEMENT = "dispatch/test_dispatch_settlement.py"
_STOPPING = "dispatch/test_dispatch_stopping.py"
_RUNS = "dispatch/test_dispatch_whole_runs.py"
_LIMITED = "faults/test_limited_runs.py"
_LOST = "faults/test_answers_lost.py"
_SHARDS = "concurrency/test_shards_of_a_run.py"

DISPATCH = (
    Mutation(
        "commit-after-the-send",
        "dispatch/dispatcher.py",
        "            taken, wait_until = self._take(connection, admissions, now)\n",
        "            taken, wait_until = self._take(connection, admissions, now)\n"
        "            for batch in taken:\n"
        "                self._flights.submit(batch, bodies[batch.id], since=since)\n"
        "            taken = []\n",
        ("dispatch/test_dispatch_commit_first.py",),
    ),
    Mutation(
        "pause-is-not-looked-at",
        "dispatch/dispatcher.py",
        "pause = pause_of(connection, interval_id)",
        "pause = None",
        (_STOPPING,),
    ),
    Mutation(
        "unknown-batch-takes-the-envelope-of-now",
        "dispatch/dispatcher.py",
        "        if now is None or batch.past.may_be_accepted:\n",
        "        if now is None:\n",
        ("faults/test_bound_when_sent.py::test_what_phonon_may_have_had_keeps_its_bytes",),
    ),
    Mutation(
        "envelope-that-was-sent-is-not-kept",
        "ledger/outbox.py",
        '            "flow_id": batch.flow_id,\n',
        "",
        ("faults/test_bound_when_sent.py::test_a_mended_flow_mends_what_is_planned",),
    ),
    Mutation(
        "first-batch-does-not-go-alone",
        "dispatch/dispatcher.py",
        "(1 if self._alone else self._rules.max_in_flight)",
        "self._rules.max_in_flight",
        (f"{_RUNS}::test_the_first_batch_goes_alone",),
    ),
    Mutation(
        "shards-do-not-wait-for-the-first-batch",
        "dispatch/dispatcher.py",
        "return now + WAIT_SECONDS if are_sending else None",
        "return now + WAIT_SECONDS if are_sending and self._unclear else None",
        (_SHARDS,),
    ),
    Mutation(
        "refusal-of-another-shard-does-not-stop",
        "dispatch/dispatcher.py",
        "        if answers.refusal is not None:\n",
        "        if answers.refusal is not None and self._unclear:\n",
        (_SHARDS,),
    ),
    Mutation(
        "refusal-of-the-account-does-not-stop",
        "dispatch/dispatcher.py",
        "            elif kind.stops:\n",
        "            elif kind.stops and self._unclear:\n",
        (f"{_RUNS}::test_an_account_without_money_stops_the_run_and_the_next_one_sends_the_rest",),
    ),
    Mutation(
        "what-is-in-flight-is-forgotten",
        "dispatch/dispatcher.py",
        "        except BaseException:\n            self._drain(progress)\n            raise\n",
        "        except BaseException:\n            raise\n",
        (f"{_RUNS}::test_whatever_ends_a_run_what_is_in_flight_is_waited_for_and_recorded",),
    ),
    Mutation(
        "limit-of-a-run-forgets-its-earlier-tries",
        "dispatch/run_limit.py",
        "room = self.most - sent.calls",
        "room = self.most",
        (f"{_LIMITED}::test_once_a_run_has_sent_as_many_clearing_it_sends_no_more_and_other_runs_send_the_rest",),
    ),
    Mutation(
        "limit-of-a-run-cuts-what-may-have-been-accepted",
        "dispatch/run_limit.py",
        "if room <= 0 or batch.past.may_be_accepted:",
        "if room <= 0:",
        (f"{_LIMITED}::test_a_batch_that_may_have_been_accepted_is_not_cut",),
    ),
    Mutation(
        "lease-ends-before-the-send",
        "dispatch/flights.py",
        "return START_SECONDS + self._transport.timeout.total + _MARGIN_SECONDS",
        "return START_SECONDS",
        ("dispatch/test_dispatch_lease.py",),
    ),
    Mutation(
        "silent-send-is-repeated-at-once",
        "dispatch/flights.py",
        "        reached(Point.AFTER_ANSWER)\n",
        '        if type(exchange).__name__ == "NoAnswer":\n'
        "            exchange = self._transport.post(endpoint, body, may_start=may_start)\n"
        "        reached(Point.AFTER_ANSWER)\n",
        (_LOST,),
    ),
    Mutation(
        "start-is-refreshed-for-a-second-send",
        "dispatch/flights.py",
        "        def may_start() -> bool:\n",
        "        if batch.past.may_be_accepted:\n"
        '            body = __import__("re").sub(rb\':[0-9]{2}(?=[+]05:30")\', b":59", body)\n\n'
        "        def may_start() -> bool:\n",
        (_LOST,),
    ),
    Mutation(
        "suspended-sender-sends-all-the-same",
        "dispatch/process.py",
        "return max(self.monotonic() - since.monotonic, self.wall() - since.wall) < START_SECONDS",
        "return True",
        (f"{_RUNS}::test_a_send_does_not_start_long_after_it_was_decided_on_by_either_clock",),
    ),
    Mutation(
        "only-the-monotonic-clock-is-asked",
        "dispatch/process.py",
        "return max(self.monotonic() - since.monotonic, self.wall() - since.wall) < START_SECONDS",
        "return self.monotonic() - since.monotonic < START_SECONDS",
        (f"{_RUNS}::test_a_send_does_not_start_long_after_it_was_decided_on_by_either_clock",),
    ),
    Mutation(
        "window-is-not-looked-at-before-a-send",
        "dispatch/admission.py",
        '    if batch.past.may_be_accepted:\n        return hold(batch, "the calling window closed',
        "    if batch:\n        return Go(envelope)\n"
        '    if batch.past.may_be_accepted:\n        return hold(batch, "the calling window closed',
        (_ADMISSION,),
    ),
    Mutation(
        "closing-margin-is-not-looked-at",
        "planning/start_times.py",
        "return at if at + margin < closes else",
        "return at if at < closes else",
        (_ADMISSION,),
    ),
    Mutation(
        "not-after-is-not-looked-at",
        "dispatch/admission.py",
        "    if now > batch.not_after:\n",
        "    if now > batch.not_after + 86_400 * 365:\n",
        (_ADMISSION,),
    ),
    Mutation(
        "rotated-secret-is-sent-again",
        "dispatch/admission.py",
        "if batch.past.may_be_accepted and batch.body_sha256 != envelope.body_sha256:",
        "if batch.past.may_be_accepted and not envelope.body_sha256:",
        (_ADMISSION,),
    ),
    Mutation(
        "unknown-is-sent-where-it-should-be-held",
        "dispatch/admission.py",
        "if batch.state is BatchState.UNKNOWN and rules.on_unknown[batch.endpoint] is UnknownPolicy.HOLD:",
        "if batch.state is BatchState.UNKNOWN and not rules.on_unknown:",
        (_ADMISSION,),
    ),
    Mutation(
        "unknown-is-split-when-the-limit-is-lowered",
        "dispatch/admission.py",
        '        if batch.past.may_be_accepted:\n            return hold(batch, "the batch is larger',
        '        if batch.past is Past.MIXED:\n            return hold(batch, "the batch is larger',
        (_ADMISSION,),
    ),
    Mutation(
        "silence-is-settled-as-not-sent",
        "dispatch/settlement.py",
        "    if isinstance(exchange, NotSent):\n",
        "    if not isinstance(exchange, Answer):\n",
        (_SETTLEMENT,),
    ),
    Mutation(
        "unknown-that-is-given-up-is-expired",
        "dispatch/settlement.py",
        "state = BatchState.HELD if batch.past.may_be_accepted else BatchState.EXPIRED",
        "state = BatchState.EXPIRED",
        (_ADMISSION,),
    ),
    Mutation(
        "refused-in-spite-of-a-silence",
        "dispatch/settlement.py",
        "state = BatchState.HELD if verdict.past.has_silence else BatchState.REFUSED",
        "state = BatchState.REFUSED",
        (_SETTLEMENT,),
    ),
    Mutation(
        "unknown-becomes-pending-again",
        "dispatch/settlement.py",
        "state = BatchState.UNKNOWN if unknown else BatchState.PENDING",
        "state = BatchState.PENDING",
        (_SETTLEMENT, f"{_RUNS}::test_on_bulk_a_failure_stays_unknown_when_a_later_send_is_refused_as_a_whole"),
    ),
    Mutation(
        "unknown-is-sent-again-where-it-should-be-held",
        "dispatch/settlement.py",
        "            rules.on_unknown[batch.endpoint] is UnknownPolicy.RESEND and attempts < rules.max_attempts\n",
        "            attempts < rules.max_attempts\n",
        (_SETTLEMENT,),
    ),
    Mutation(
        "partial-success-is-shown-as-all-accepted",
        "dispatch/settlement.py",
        '[call for call in calls if call["client-identifier"] not in listed]',
        "[]",
        (_SETTLEMENT,),
    ),
    Mutation(
        "split-forgets-a-half",
        "dispatch/settlement.py",
        "for half in (calls[:middle], calls[middle:])",
        "for half in (calls[:middle],)",
        (_SETTLEMENT,),
    ),
    Mutation(
        "split-repeats-a-call",
        "dispatch/settlement.py",
        "for half in (calls[:middle], calls[middle:])",
        "for half in (calls[:middle], calls[middle - 1 :])",
        (_SETTLEMENT,),
    ),
)
