"""One-off calls with PhononHook, against the stand-in Phonon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phonon.api.codes import Code
from phonon.api.endpoints import MAX_CALLS
from phonon.api.verdict import Kind
from phonon.errors import ConfigurationError, UnreachableError
from phonon.hooks.phonon import OutboundCall, PhononHook
from simulator import Fault, When
from simulator import Kind as Wrong
from simulator.running import Handle

HookOf = Callable[..., PhononHook]
FLOW = "abcdEF12"


def calls(count: int = 1, **fields: Any) -> list[OutboundCall]:
    return [OutboundCall(f"call-{i}", [f"9199999{i:05d}"], **fields) for i in range(count)]


def test_a_call_is_sent_in_one_request_with_its_variables(hook_of: HookOf, phonon: Handle) -> None:
    result = hook_of().create_calls(flow_id=FLOW, calls=calls(variables={"Name": "आशा"}))
    assert result.verdict.kind is Kind.ACCEPTED
    assert result.answer is not None
    assert result.answer.code is Code.SUCCESS
    (call,) = phonon.accepted()
    assert (call.client_identifier, call.endpoint, call.flow_id) == ("call-0", "realtime", FLOW)
    assert "आशा" in call.keys.values()
    assert phonon.summary()["requests"] == 1


def test_calls_may_go_through_the_bulk_endpoint_at_a_time_of_their_own(hook_of: HookOf, phonon: Handle) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    result = hook_of().create_calls(flow_id=FLOW, calls=calls(3, start_time=at), endpoint="bulk")
    assert result.verdict.kind is Kind.ACCEPTED
    assert [(call.endpoint, call.start_time) for call in phonon.accepted()] == [("bulk", at)] * 3


def test_a_refusal_is_told_and_not_repeated(hook_of: HookOf, phonon: Handle) -> None:
    phonon.inject(Fault(Wrong.CODE, code=212))
    result = hook_of().create_calls(flow_id=FLOW, calls=calls())
    assert (result.verdict.kind, result.answer and result.answer.code) == (Kind.TOP_UP, Code.INSUFFICIENT_BALANCE)
    assert phonon.summary()["requests"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(Wrong.RESET, when=When.AFTER), id="reset"),
        pytest.param(Fault(Wrong.NO_ANSWER, when=When.AFTER), id="no answer"),
        pytest.param(Fault(Wrong.HTML, when=When.AFTER, status=502), id="page of a proxy"),
    ],
)
def test_without_a_readable_answer_the_outcome_is_unknown_and_nothing_is_repeated(
    hook_of: HookOf, phonon: Handle, fault: Fault
) -> None:
    phonon.inject(fault)
    result = hook_of(timeout={"connect": 2, "read": 0.3}).create_calls(flow_id=FLOW, calls=calls())
    assert result.verdict.kind is Kind.UNKNOWN
    assert len(phonon.accepted()) == 1
    assert phonon.summary()["requests"] == 1


def test_a_redirect_is_not_followed(hook_of: HookOf, phonon: Handle) -> None:
    moved = {"Location": phonon.realtime_url}
    phonon.inject(Fault(Wrong.STATUS, status=307, body="", headers=moved))
    assert hook_of().create_calls(flow_id=FLOW, calls=calls()).verdict.kind is Kind.UNKNOWN
    assert phonon.summary()["requests"] == 1
    assert phonon.accepted() == []


def test_an_address_where_nobody_listens_is_an_error_that_says_nothing_was_sent(
    hook_of: HookOf, phonon: Handle, refusing_port: int
) -> None:
    hook = hook_of(realtime_url=f"http://127.0.0.1:{refusing_port}/create")
    with pytest.raises(UnreachableError) as told:
        hook.create_calls(flow_id=FLOW, calls=calls())
    parts = [f"http://127.0.0.1:{refusing_port}/create", "Nothing was sent", "realtime_url", "'phonon_default'"]
    assert [part for part in parts if part not in str(told.value)] == []
    assert "99999" not in str(told.value)
    assert phonon.summary()["requests"] == 0


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"calls": calls(MAX_CALLS + 1)}, ["501 calls", "Nothing was sent"]),
        ({"calls": []}, ["0 calls", "Nothing was sent"]),
        ({"calls": calls(variables={"Name": "x" * 256_000})}, ["256000 bytes", "Nothing was sent"]),
        ({"calls": calls(), "endpoint": "bluk"}, ["'bluk'", "'bulk' or 'realtime'", "Nothing was sent"]),
    ],
    ids=["501 calls", "no calls", "too long", "no such endpoint"],
)
def test_what_the_api_does_not_take_is_refused_before_it_is_sent(
    hook_of: HookOf, phonon: Handle, options: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as told:
        hook_of().create_calls(**{"flow_id": FLOW, **options})
    assert [part for part in parts if part not in str(told.value)] == []
    assert phonon.summary()["requests"] == 0


def test_as_many_calls_as_the_api_takes_are_sent(hook_of: HookOf, phonon: Handle) -> None:
    assert hook_of().create_calls(flow_id=FLOW, calls=calls(MAX_CALLS)).verdict.kind is Kind.ACCEPTED
    assert len(phonon.accepted()) == MAX_CALLS


@pytest.mark.parametrize("name", ["run", "run_with_advanced_retry", "run_and_check"])
def test_the_ways_of_http_hook_that_may_repeat_a_post_are_closed(
    hook_of: HookOf, phonon: Handle, name: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"create_calls"):
        getattr(hook_of(), name)("kairos-apis/outbound/create", data="{}")
    assert phonon.summary()["requests"] == 0
