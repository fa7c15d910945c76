"""The rules that a request is judged by on its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import IST, Endpoint, Phonon, Settings
from simulator.codes import message_of
from simulator.sample import FLOW_ID, SECURITY_ID, sample_body, sample_call, sample_request

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=IST)


def code_of(body: bytes, settings: Settings | None = None, *, now: datetime = NOW) -> tuple[int, str]:
    reply = Phonon(settings).handle(Endpoint.REALTIME, body, now=now, source_ip="127.0.0.1")
    answer = orjson.loads(reply.body)
    return answer["api-response-code"], answer["api-response-message"]


def with_envelope(**changes: Any) -> bytes:
    return orjson.dumps(sample_request() | {name.replace("_", "-"): value for name, value in changes.items()})


def with_call(changes: dict[str, Any]) -> bytes:
    # The bad call comes second: a rule that is only applied to the first one would pass it.
    return orjson.dumps(sample_request() | {"calls": [sample_call(1), sample_call(2) | changes]})


def without(name: str, part: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    request = sample_request()
    del part(request)[name]
    return orjson.dumps(request)


def numbered(*numbers: object) -> bytes:
    return with_call({"contact-numbers": list(numbers)})


def keyed(*keys: object) -> bytes:
    return with_call({"keys": list(keys)})


def envelope_of(request: dict[str, Any]) -> dict[str, Any]:
    return request


def call_of(request: dict[str, Any]) -> dict[str, Any]:
    call: dict[str, Any] = request["calls"][0]
    return call


REFUSED = {
    "not JSON": (b"{", 400),
    "not UTF-8": (b'{"api-version": "\xff"}', 400),
    "not an object": (b"[]", 400),
    "an unknown field in the envelope": (with_envelope(priority="high"), 400),
    "no api-version": (without("api-version", envelope_of), 210),
    "no security-id": (without("security-id", envelope_of), 210),
    "no flow-id": (without("flow-id", envelope_of), 210),
    "no calls": (without("calls", envelope_of), 210),
    "a security-id of 63": (with_envelope(security_id="a" * 63), 202),
    "a security-id with a dash": (with_envelope(security_id="a" * 63 + "-"), 202),
    "a security-id that is not a string": (with_envelope(security_id=1), 202),
    "another api-version": (with_envelope(api_version="2.0"), 203),
    "an api-version that is a number": (with_envelope(api_version=1.0), 203),
    "a flow-id of 9": (with_envelope(flow_id="abcdefghi"), 301),
    "a flow-id with an underscore": (with_envelope(flow_id="abcdefg_"), 301),
    "calls that are not a list": (with_envelope(calls={}), 400),
    "an empty list of calls": (with_envelope(calls=[]), 302),
    "501 calls": (sample_body(501), 303),
    "a call that is not an object": (with_envelope(calls=["call"]), 400),
    "an unknown field in a call": (with_call({"caller-id": "x"}), 400),
    "no client-identifier": (without("client-identifier", call_of), 210),
    "no start-time": (without("start-time", call_of), 210),
    "no contact-numbers": (without("contact-numbers", call_of), 205),
    "no keys": (without("keys", call_of), 210),
    "an empty client-identifier": (with_call({"client-identifier": ""}), 210),
    "a client-identifier of 65": (with_call({"client-identifier": "a" * 65}), 210),
    "a client-identifier with a space": (with_call({"client-identifier": "a b"}), 210),
    "a client-identifier with a line's end": (with_call({"client-identifier": "ab\n"}), 210),
    "a client-identifier that is a number": (with_call({"client-identifier": 12}), 210),
    "a start-time without seconds": (with_call({"start-time": "2099-01-01T10:00+05:30"}), 210),
    "a start-time in another offset": (with_call({"start-time": "2099-01-01T10:00:00+00:00"}), 210),
    "a start-time without an offset": (with_call({"start-time": "2099-01-01T10:00:00"}), 210),
    "a start-time with Z": (with_call({"start-time": "2099-01-01T10:00:00Z"}), 210),
    "a start-time with a fraction": (with_call({"start-time": "2099-01-01T10:00:00.000+05:30"}), 210),
    "a start-time with a space for T": (with_call({"start-time": "2099-01-01 10:00:00+05:30"}), 210),
    "a start-time on a day that is none": (with_call({"start-time": "2099-02-30T10:00:00+05:30"}), 210),
    "a start-time that is a number": (with_call({"start-time": 1_800_000_000}), 210),
    "a start-time yesterday": (with_call({"start-time": "2026-11-23T23:59:59+05:30"}), 210),
    "no number": (numbered(), 205),
    "numbers that are not a list": (with_call({"contact-numbers": "919999900001"}), 205),
    "a number of ten digits": (numbered("9999900001"), 205),
    "a number with a plus": (numbered("+919999900001"), 205),
    "a number of 13 digits": (numbered("9199999000011"), 205),
    "a number in other digits": (numbered("91" + "\u0967" * 10), 205),
    "a number that is an integer": (numbered(919999900001), 205),
    "a bad alternate number": (numbered("919999900001", "919"), 205),
    "keys that are not a list": (with_call({"keys": {}}), 400),
    "a key that is not an object": (keyed("Name"), 400),
    "an unknown field in a key": (keyed({"name": "$flow.key.A", "value": "a", "type": "text"}), 400),
    "a key without a value": (keyed({"name": "$flow.key.A"}), 210),
    "a key with another prefix": (keyed({"name": "$flow.A", "value": "a"}), 210),
    "a key without a variable": (keyed({"name": "$flow.key.", "value": "a"}), 210),
    "a value that is a number": (keyed({"name": "$flow.key.A", "value": 1}), 400),
    "a value that is null": (keyed({"name": "$flow.key.A", "value": None}), 400),
}

ACCEPTED = {
    "one call": sample_body(),
    "500 calls": sample_body(500),
    "the flow in testing": with_envelope(api_version="TEST"),
    "alternate numbers": numbered("919999900001", "919999900002", "919999900003"),
    "no keys at all": keyed(),
    "an empty value": keyed({"name": "$flow.key.A", "value": ""}),
    "a value beyond ASCII": keyed({"name": "$flow.key.A", "value": "आशा"}),
    "a client-identifier of 64": with_call({"client-identifier": "aZ0_.:-" + "a" * 57}),
    "a start-time earlier today": with_call({"start-time": "2026-11-24T00:00:00+05:30"}),
    "fields in another order": orjson.dumps(dict(reversed(list(sample_request().items())))),
}


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_breaks_a_rule_is_refused_with_its_code(body: bytes, code: int) -> None:
    assert code_of(body) == (code, message_of(code))


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_a_request_that_keeps_the_rules_is_accepted(body: bytes) -> None:
    assert code_of(body) == (200, "Success")


@pytest.mark.parametrize("body", [body for body, _ in REFUSED.values()], ids=REFUSED)
def test_one_bad_call_keeps_all_others_from_being_accepted(body: bytes) -> None:
    phonon = Phonon()
    phonon.handle(Endpoint.BULK, body, now=NOW, source_ip="127.0.0.1")
    assert list(phonon.accepted()) == []


def test_the_date_rule_counts_the_day_in_india() -> None:
    late_in_london = datetime.fromisoformat("2026-11-24T18:30:00+00:00")
    body = with_call({"start-time": "2026-11-24T23:59:59+05:30"})
    assert code_of(body, now=late_in_london - timedelta(seconds=1)) == (200, "Success")
    assert code_of(body, now=late_in_london) == (210, "Invalid Mandatory Parameters")


def test_only_known_security_ids_are_taken_when_some_are_known() -> None:
    assert code_of(sample_body(), Settings(security_ids=frozenset({SECURITY_ID})))[0] == 200
    assert code_of(sample_body(), Settings(security_ids=frozenset({"b" * 64})))[0] == 202


def test_only_known_flow_ids_are_taken_when_some_are_known() -> None:
    assert code_of(sample_body(), Settings(flow_ids=frozenset({FLOW_ID})))[0] == 200
    assert code_of(sample_body(), Settings(flow_ids=frozenset({"aaaaaaaa"})))[0] == 301


def test_a_flow_in_testing_calls_only_listed_numbers() -> None:
    settings = Settings(test_numbers=frozenset({"919999900001"}))
    listed, other = sample_call(1), sample_call(2)
    assert code_of(with_envelope(api_version="TEST", calls=[listed]), settings)[0] == 200
    assert code_of(with_envelope(api_version="TEST", calls=[listed, other]), settings)[0] == 402


def test_a_flow_in_production_calls_numbers_that_are_not_listed() -> None:
    assert code_of(sample_body(), Settings(test_numbers=frozenset({"919999911111"})))[0] == 200


def test_a_number_that_the_vendor_knows_not_to_exist_is_refused() -> None:
    settings = Settings(invalid_number_endings=("07",))
    assert code_of(numbered("919999900007"), settings)[0] == 205
    assert code_of(numbered("919999900070"), settings)[0] == 200


def test_a_refusal_names_the_place_and_the_rule_but_no_value() -> None:
    reply = Phonon().handle(Endpoint.BULK, numbered("9999912345"), now=NOW, source_ip="127.0.0.1")
    reason = reply.headers["X-Simulator-Reason"]
    assert reason == "calls[1]: contact-numbers: not 91 and ten digits"


def test_a_time_without_a_zone_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Phonon().handle(Endpoint.BULK, sample_body(), now=datetime(2026, 11, 24), source_ip="")  # noqa: DTZ001  the point


@given(st.text(max_size=80))
def test_a_client_identifier_is_taken_exactly_when_it_is_in_its_alphabet(identifier: str) -> None:
    allowed = re.fullmatch(r"[A-Za-z0-9_.:\-]{1,64}", identifier) is not None
    assert code_of(with_call({"client-identifier": identifier}))[0] == (200 if allowed else 210)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001  drawn without a zone
def test_a_whole_second_is_taken_exactly_when_its_date_is_not_past(moment: datetime) -> None:
    start_time = moment.replace(microsecond=0, tzinfo=IST)
    expected = 210 if start_time.date() < NOW.date() else 200
    assert code_of(with_call({"start-time": start_time.isoformat()}))[0] == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["api-version", "security-id", "flow-id", "calls"])
    | st.sampled_from(["client-identifier", "start-time", "contact-numbers", "keys"]),
    _JSON,
)
def test_any_json_in_any_field_gets_an_answer_with_a_documented_code(name: str, value: object) -> None:
    request = sample_request()
    (request if name in request else request["calls"][0])[name] = value
    assert code_of(orjson.dumps(request))[1] != "Unknown"


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    assert code_of(body)[0] in {400, 210}
