"""Breaks of what an answer is taken to mean, and of what the transport tells of a send."""

from __future__ import annotations

from mutations.mutation import Mutation

_TABLE = "api/test_api_verdict_table.py"
_RULES = "api/test_api_verdict_rules.py"

API = (
    Mutation(
        "any-2xx-is-success",
        "api/verdict.py",
        "    if code is None:\n        return _by_http_status(answer.http_status)\n",
        "    if success:\n        return Kind.ACCEPTED\n"
        "    if code is None:\n        return _by_http_status(answer.http_status)\n",
        (_TABLE,),
    ),
    Mutation(
        "any-202-is-success",
        "api/verdict.py",
        "        return _code_202(endpoint, answer)\n",
        "        return Kind.ACCEPTED\n",
        (_TABLE,),
    ),
    Mutation(
        "success-under-a-failing-status",
        "api/verdict.py",
        "return Kind.ACCEPTED if success else Kind.UNKNOWN",
        "return Kind.ACCEPTED",
        (_TABLE,),
    ),
    Mutation(
        "unreadable-answer-is-a-refusal",
        "api/verdict.py",
        ".get(status, Kind.UNKNOWN)",
        ".get(status, Kind.AGAIN)",
        (_TABLE,),
    ),
    Mutation(
        "split-after-a-silence",
        "api/verdict.py",
        "if kind is Kind.SPLIT and past.may_be_accepted:",
        "if kind is Kind.SPLIT and after is Past.FIRST:",
        (_RULES,),
    ),
    Mutation(
        "repetition-after-an-answer-is-acceptance",
        "api/verdict.py",
        "if past is Past.UNANSWERED:",
        "if past is not Past.FIRST:",
        (_TABLE,),
    ),
    Mutation(
        "repetition-of-a-first-send-is-acceptance",
        "api/verdict.py",
        "if past is Past.UNANSWERED:",
        "if past in {Past.FIRST, Past.UNANSWERED}:",
        (_TABLE,),
    ),
    Mutation(
        "repetition-of-a-first-send-may-be-split",
        "api/verdict.py",
        'return Verdict(Kind.HELD, Past.UNANSWERED, f"{said} on a first send: someone else sent these bytes")',
        "return Verdict(Kind.SPLIT, past, said)",
        (_TABLE,),
    ),
    Mutation(
        "bulk-failure-is-sent-again",
        "api/verdict.py",
        "return Kind.AGAIN if endpoint is Endpoint.REALTIME else Kind.UNKNOWN",
        "return Kind.AGAIN",
        (_TABLE,),
    ),
    Mutation(
        "refusal-makes-forget-a-doubt",
        "api/verdict.py",
        "return Past.REFUSED if whole and not self.may_be_accepted else Past.DOUBTFUL",
        "return Past.REFUSED if whole else Past.DOUBTFUL",
        (_RULES,),
    ),
    Mutation(
        "refusal-makes-forget-a-silence",
        "api/verdict.py",
        "        if self.has_silence:\n            return Past.MIXED\n",
        "",
        (_RULES,),
    ),
    Mutation(
        "silence-makes-forget-an-answer",
        "api/verdict.py",
        "return Past.UNANSWERED if self in {Past.FIRST, Past.UNANSWERED} else Past.MIXED",
        "return Past.UNANSWERED",
        (_RULES,),
    ),
    Mutation(
        "no-answer-is-not-sent",
        "api/transport.py",
        "                if body.asked_for:\n",
        "                if False:\n",
        ("api/test_api_transport.py",),
        simulated=False,
    ),
    Mutation(
        "redirect-is-followed",
        "api/transport.py",
        "with adapter.send(prepared, timeout=",
        "with self._session.send(prepared, allow_redirects=True, timeout=",
        ("api/test_api_transport_answers.py",),
        simulated=False,
    ),
    Mutation(
        "transport-tries-again-by-itself",
        "api/transport.py",
        "        pool.ConnectionCls = ",
        "        adapter.max_retries = adapter.max_retries.new(\n"
        "            total=2, read=2, status=2, allowed_methods=None, status_forcelist={500, 502, 503, 504}\n"
        "        )\n"
        "        pool.ConnectionCls = ",
        ("api/test_api_transport_answers.py", "api/test_api_transport.py"),
        simulated=False,
    ),
    Mutation(
        "sender-that-woke-up-late-connects-and-sends",
        "api/transport.py",
        "if time.monotonic() > self._last_start or not self._may_start() or self.late:",
        "if time.monotonic() > self._last_start or self.late:",
        ("api/test_api_transport_ending.py",),
        simulated=False,
    ),
    Mutation(
        "send-has-no-end",
        "api/transport.py",
        "            self._timer.start()\n",
        "",
        ("api/test_api_transport.py::test_a_send_ends_at_its_deadline_without_an_answer",),
        simulated=False,
    ),
    Mutation(
        "answer-may-be-cut-short",
        "api/transport.py",
        "            if body.late:\n                raise TimeoutError\n            return read_answer",
        "            return read_answer",
        (
            "api/test_api_transport.py::test_a_send_ends_at_its_deadline_without_an_answer",
            "api/test_api_transport_ending.py",
            "api/test_api_transport_tls.py",
        ),
        simulated=False,
    ),
    Mutation(
        "interim-answer-is-the-answer",
        "api/transport.py",
        "    if response.status_code < 200:\n"
        "        # The real answer would come next, and pass for that of the next request on this connection.\n"
        "        raise ValueError\n",
        "",
        ("api/test_api_transport.py::test_an_answer_before_the_answer_is_not_taken_for_the_next_requests",),
        simulated=False,
    ),
)
