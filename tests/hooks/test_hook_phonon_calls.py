"""One-off calls with PhononHook, against the stand-in Phonon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from airflow.sdk.serde import deserialize, serialize
from structlog.testing import capture_logs

from phonon.api.codes import Code
from phonon.api.endpoints import MAX_CALLS
from phonon.api.request import thaw
from phonon.api.verdict import Kind, Past
from phonon.errors import ConfigurationError, UnreachableError
from phonon.hooks.one_off_calls import frozen_calls
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


@pytest.mark.parametrize(
    ("fault", "endpoint", "said"),
    [
        (None, "realtime", "Phonon accepted 2 calls."),
        (None, "bulk", "Phonon accepted 2 calls."),
        (Fault(Wrong.RESET, when=When.AFTER), "realtime", "2 calls may have been placed.\nNobody knows"),
        (Fault(Wrong.CODE, code=500), "realtime", "2 calls may have been placed.\nNobody knows"),
        (Fault(Wrong.CODE, code=201), "realtime", "2 calls may have been placed.\nNobody knows"),
        (Fault(Wrong.CODE, code=212), "realtime", "did not take 2 calls: HTTP 200 code 212 Insufficient Balance"),
        (Fault(Wrong.CODE, code=212), "bulk", "Before you call again: top up the balance"),
        (Fault(Wrong.CODE, code=205), "realtime", "did not take 2 calls: HTTP 200 code 205"),
    ],
)
def test_a_result_says_whether_the_calls_were_placed_and_goes_through_xcom(
    hook_of: HookOf, phonon: Handle, fault: Fault | None, endpoint: str, said: str
) -> None:
    if fault is not None:
        phonon.inject(fault)
    with capture_logs() as logged:
        result = hook_of().create_calls(flow_id=FLOW, calls=calls(2), endpoint=endpoint)
    assert said in result.said
    assert result.is_accepted == (fault is None)
    assert result.is_unknown == ("may have been placed" in said)
    assert len(result.said.partition("\n")[0]) < 120
    through = deserialize(json.loads(json.dumps(serialize(result))))
    assert type(through) is dict
    assert through == dict(result)
    assert through["client_identifiers"] == ["call-0", "call-1"]
    assert through["request_id"] == result.request_id
    assert [line["event"] for line in logged] == [
        f"Sending 2 calls to {endpoint}: call-0, call-1",
        f"{result.said} (call-0, call-1; request-id {result.request_id or 'not given'})",
    ]
    assert "INVALID" not in repr(result)
    assert (result.verdict.past is Past.ACCEPTED) == result.is_accepted


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


NOW = datetime.now(UTC)
ODD_NUMBERS: list[Any] = ["+91 99999 12345", 9999912346, "0-99999-12347", 919999912345, 9999912348.0]
EVERY_KIND = {
    "Amount": 500,
    "Rate": 12.0,
    "Share": Decimal("1E+2"),
    "Day": date(2026, 11, 24),
    "Paid": True,
    "Middle": None,
    "Name": "आशा",
}


def test_numbers_and_variables_are_written_as_in_a_campaign(hook_of: HookOf, phonon: Handle) -> None:
    call = OutboundCall("call-1", ODD_NUMBERS, EVERY_KIND)
    assert hook_of().create_calls(flow_id=FLOW, calls=[call]).verdict.kind is Kind.ACCEPTED
    (taken,) = phonon.accepted()
    assert (taken.numbers, taken.number_last4) == (4, "2345")
    assert list(taken.keys.values()) == ["500", "12", "100", "2026-11-24", "true", "", "आशा"]


def test_every_number_goes_out_as_91_and_ten_digits() -> None:
    (sent,) = thaw(frozen_calls([OutboundCall("call-1", ODD_NUMBERS)], NOW))
    assert sent["contact-numbers"] == ["919999912345", "919999912346", "919999912347", "919999912348"]


def test_no_number_of_an_entry_that_holds_several_is_lost() -> None:
    (sent,) = thaw(frozen_calls([OutboundCall("call-1", ["9999900001 / 9999900002", "9999900003"])], NOW))
    assert sent["contact-numbers"] == ["919999900001", "919999900002", "919999900003"]


# What is wrong about the call; parts of what is told.
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"contact_numbers": "919999912345"}, ["contact_numbers: expected a list", "found a str"]),
    ({"contact_numbers": 919999912345}, ["contact_numbers: expected a list", "found a int"]),
    ({"contact_numbers": []}, ["contact_numbers: expected 1 to 10 different phone numbers; found 0"]),
    (
        {"contact_numbers": [f"99999123{i}" for i in range(10, 21)]},
        ["contact_numbers: expected 1 to 10", "found 11"],
    ),
    ({"contact_numbers": ["9999912345", "99999123"]}, ["contact_numbers: entry 2", "(too short)", "ten digits"]),
    ({"contact_numbers": ["9999912345", None]}, ["contact_numbers: entry 2", "(missing)"]),
    ({"contact_numbers": ["+1 212 555 0123"]}, ["contact_numbers: entry 1", "(other country)"]),
    ({"variables": [("Name", "Asha")]}, ["variables: expected a mapping", "found a list"]),
    (
        {"variables": {"$flow.key.Name": "Asha"}},
        ["variables, name 1: expected the name of a flow variable, without"],
    ),
    ({"variables": {"Name": "Asha", 7: "x"}}, ["variables, name 2: expected text; found a int"]),
    ({"variables": {"Rate": float("inf")}}, ["variables, value 1: not a finite number"]),
    ({"variables": {"Name": "\ud800"}}, ["variables, value 1: not valid text"]),
    ({"start_time": datetime(2030, 1, 1)}, ["start_time: expected a datetime with a timezone", "ZoneInfo("]),  # noqa: DTZ001 - it is what is wrong
    ({"start_time": pd.NaT}, ["start_time: expected a datetime with a timezone", "None for now"]),
    ({"start_time": "2030-01-01T10:00:00+05:30"}, ["start_time: expected a datetime", "found a str"]),
    ({"start_time": datetime(2026, 11, 1, tzinfo=UTC)}, ["start_time: its date is past", "None for now"]),
    ({"start_time": datetime.max.replace(tzinfo=UTC)}, ["start_time: out of range"]),
    ({"client_identifier": "x" * 80}, ["client_identifier: expected 1 to 64 letters", "found 80 characters"]),
    ({"client_identifier": "call 9999912345"}, ["client_identifier: expected 1 to 64 letters"]),
    ({"client_identifier": 7}, ["client_identifier: expected text; found a int"]),
    ({"client_identifier": "call-1"}, ["client_identifier: the same as that of call 1"]),
]


@pytest.mark.parametrize(("wrong", "parts"), [pytest.param(*each, id=ascii(each[0])) for each in WRONG])
def test_a_call_that_the_api_has_no_form_for_is_refused_by_place_and_field(
    hook_of: HookOf, phonon: Handle, wrong: dict[str, Any], parts: list[str]
) -> None:
    fields = {"client_identifier": "call-2", "contact_numbers": ["9999912345"], **wrong}
    with pytest.raises(ConfigurationError) as told:
        hook_of().create_calls(flow_id=FLOW, calls=[OutboundCall("call-1", ["9999912345"]), OutboundCall(**fields)])
    text = str(told.value)
    assert [part for part in ["Call 2, ", *parts, "Nothing was sent."] if part not in text] == []
    assert told.value.__suppress_context__ or told.value.__context__ is None
    assert re.search(r"\d{6}", text) is None
    assert phonon.summary()["requests"] == 0


@pytest.mark.parametrize("flow_id", ["bad", "9999912345", None, 12345678])
def test_what_is_no_id_of_a_flow_is_refused_and_not_repeated(hook_of: HookOf, phonon: Handle, flow_id: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^flow_id: expected .*; found .*Nothing was sent") as told:
        hook_of().create_calls(flow_id=flow_id, calls=calls())
    assert "99999" not in str(told.value)
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
