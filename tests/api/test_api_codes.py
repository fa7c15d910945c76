"""The vendor's codes, and what a person does about those that stop a run."""

from __future__ import annotations

import pytest

from phonon.api.answer import Answer
from phonon.api.codes import ACCOUNT_CODES, CONFIGURATION_CODES, CURE, Code, Means, codes_of, listed
from phonon.api.endpoints import MAX_BYTES, MAX_CALLS, Endpoint
from phonon.api.verdict import Kind, Past, classify


@pytest.mark.parametrize("code", sorted(ACCOUNT_CODES | CONFIGURATION_CODES))
def test_every_code_that_stops_a_run_has_a_cure(code: Code) -> None:
    assert CURE[code].strip()


def test_no_other_code_has_a_cure() -> None:
    assert set(CURE) == ACCOUNT_CODES | CONFIGURATION_CODES


def test_every_code_has_one_meaning_and_labels_are_made_from_it() -> None:
    assert sorted(code for meaning in Means for code in codes_of(meaning)) == sorted(Code)
    assert all(codes_of(meaning) for meaning in Means)
    assert listed(ACCOUNT_CODES) == "211, 212"
    assert listed(CONFIGURATION_CODES) == "202, 203, 204, 207, 213, 301, 302, 304, 401"


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("code", Code)
def test_every_code_leads_somewhere_on_both_endpoints(code: Code, endpoint: Endpoint) -> None:
    answer = Answer(200, code, "", None, None)
    assert classify(endpoint, Past.FIRST, answer).kind in Kind


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SUCCESS", 200),
        ("CHECKSUM_REPEATED", 201),
        ("ACCEPTED_OR_INVALID_SECURITY_ID", 202),
        ("INVALID_API_VERSION", 203),
        ("INVALID_GATEWAY_ID", 204),
        ("INVALID_CONTACT_NUMBER", 205),
        ("FAILURE_FROM_GATEWAY", 206),
        ("DID_NOT_MAPPED", 207),
        ("NO_MASK_AVAILABLE", 208),
        ("PARTIAL_SUCCESS", 209),
        ("INVALID_MANDATORY_PARAMETERS", 210),
        ("VALIDITY_EXPIRED", 211),
        ("INSUFFICIENT_BALANCE", 212),
        ("NO_DATA_AVAILABLE", 213),
        ("INVALID_FLOW_ID", 301),
        ("EMPTY_CALL_LIST", 302),
        ("MAX_DATA_LIST_SIZE_EXCEEDED", 303),
        ("INVALID_FLOW_VERSION", 304),
        ("INVALID_FORMAT", 400),
        ("IP_NOT_WHITELISTED", 401),
        ("PHONE_NOT_WHITELISTED", 402),
        ("FAILURE", 500),
    ],
)
def test_a_code_has_the_vendors_name_and_number(name: str, number: int) -> None:
    assert Code[name] == number


@pytest.mark.parametrize(
    ("endpoint", "url", "per_minute"),
    [
        (Endpoint.BULK, "https://central-api.phonon.io/kairos-apis/outbound/create", 30_000),
        (Endpoint.REALTIME, "https://central.phonon.io/kairos-apis/outbound/create", 500),
    ],
)
def test_an_endpoint_has_the_vendors_address_and_limit(endpoint: Endpoint, url: str, per_minute: int) -> None:
    assert (endpoint.vendor_url, endpoint.documented_per_minute) == (url, per_minute)


def test_a_request_takes_what_the_vendor_says() -> None:
    assert (MAX_CALLS, MAX_BYTES) == (500, 256_000)
