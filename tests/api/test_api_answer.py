"""Reading answers: what is kept of them, and what is masked."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.api.answer import read_answer
from phonon.api.codes import Code

SECRET = "".join(random.Random(7).choices("ABCDEFabcdef0123456789", k=64))
UUID = "6f1c2d9e-0000-4000-8000-000000000001"


def content(**fields: object) -> bytes:
    return orjson.dumps(
        {"api-response-code": 200} | {name.replace("_", "-"): each for name, each in fields.items()}
    )


def test_the_documented_answer_is_read_whole() -> None:
    answer = read_answer(
        200,
        b'{"api-response-code": 200, "api-response-message": "Success", "request-id": "r-1",'
        b' "call-details": [{"client-identifier": "a:1", "phonon-uuid": "u-1"},'
        b' {"client-identifier": "a:2", "phonon-uuid": "u-2"}]}',
    )
    assert (answer.http_status, answer.code, answer.message, answer.request_id) == (
        200,
        Code.SUCCESS,
        "Success",
        "r-1",
    )
    assert answer.phonon_uuids == {"a:1": "u-1", "a:2": "u-2"}


def test_a_byte_order_mark_before_the_answer_is_passed_over() -> None:
    body = content(api_response_message="Success", request_id="r-1")
    assert read_answer(200, b"\xef\xbb\xbf" + body) == read_answer(200, body)


def test_fields_that_are_not_documented_are_passed_over() -> None:
    assert read_answer(200, content(api_response_message="Success", news={"a": [1]})).code is Code.SUCCESS


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "empty body"),
        (b"\n ", "empty body"),
        (b"\xef\xbb\xbf", "empty body"),
        (b" <html>", "HTML instead of JSON"),
        (b"Bad Gateway", "not valid JSON"),
        (b'{"api-response-code": 200', "not valid JSON"),
        (b"[]", "JSON that is not an object"),
        (b"null", "JSON that is not an object"),
        (b"200", "JSON that is not an object"),
        (b"{}", "no api-response-code"),
        (b'{"api-response-code": null}', "no api-response-code"),
        (b'{"SendMessageResponse": {}}', "a queue's SendMessageResponse instead of Phonon's answer"),
        (b'{"api-response-code": "200"}', "api-response-code is not a whole number"),
        (b'{"api-response-code": true}', "api-response-code is not a whole number"),
        (b'{"api-response-code": 200.0}', "api-response-code is not a whole number"),
        (b'{"api-response-code": [200]}', "api-response-code is not a whole number"),
        (b'{"api-response-code": 299}', "unknown api-response-code 299"),
    ],
)
def test_a_body_without_a_known_code_says_what_is_wrong_with_it(body: bytes, what: str) -> None:
    answer = read_answer(200, body)
    assert (answer.code, answer.message) == (None, what)


@pytest.mark.parametrize("depth", [10, 100_000])
def test_a_body_that_is_nested_without_end_is_unreadable(depth: int) -> None:
    assert read_answer(200, b"[" * depth).code is None


def test_an_unknown_code_in_which_a_number_hides_is_masked() -> None:
    assert read_answer(200, b'{"api-response-code": 919999900001}').message == "unknown api-response-code ***"


@pytest.mark.parametrize(
    "written",
    [
        "919999900001",
        "+919999900001",
        "91 99999 00001",
        "91-99999-00001",
        "9999900001",
        "09999900001",
        "91\n9999900001",
    ],
)
def test_a_phone_number_in_a_message_is_masked(written: str) -> None:
    message = read_answer(200, content(api_response_message=f"Invalid {written} in call")).message
    assert "***" in message
    assert "99999" not in message
    assert "00001" not in message
    assert message.startswith("Invalid ")
    assert message.endswith(" in call")


def test_a_secret_in_a_message_is_masked() -> None:
    message = read_answer(200, content(api_response_message=f"security-id {SECRET} is unknown")).message
    assert message == "security-id *** is unknown"


def test_a_number_is_masked_before_a_message_is_cut() -> None:
    message = read_answer(200, content(api_response_message="x " * 97 + "919999900001")).message
    assert "91" not in message


@pytest.mark.parametrize("length", [200, 201, 100_000])
def test_a_message_has_at_most_200_characters(length: int) -> None:
    assert len(read_answer(200, content(api_response_message="a " * length)).message) == 200


@pytest.mark.parametrize("message", [None, 5, True, ["Accepted"], {"text": "Accepted"}])
def test_a_message_that_is_no_text_is_none(message: object) -> None:
    assert read_answer(200, content(api_response_message=message)).message == ""


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        (UUID, UUID),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100),
        ("", None),
        (None, None),
        (5, None),
        (True, None),
        ([UUID], None),
        ({"id": UUID}, None),
    ],
)
def test_a_request_id_is_a_text_of_at_most_100_characters(given_id: object, kept: str | None) -> None:
    assert read_answer(200, content(request_id=given_id)).request_id == kept


@pytest.mark.parametrize(
    ("details", "listed"),
    [
        (None, None),
        ({}, None),
        ({"client-identifier": "a:1"}, None),
        ("a:1", None),
        (1, None),
        ([], {}),
        ([None, 1, "a:1", ["a:1"], {}], {}),
        ([{"client-identifier": 1, "phonon-uuid": "u"}], {}),
        ([{"client-identifier": None}, {"phonon-uuid": "u"}], {}),
        ([{"client-identifier": "a:1"}], {"a:1": ""}),
        ([{"client-identifier": "a:1", "phonon-uuid": 7}], {"a:1": ""}),
        ([{"client-identifier": "a:1", "phonon-uuid": "u" * 101}], {"a:1": "u" * 100}),
        ([{"client-identifier": "a:1", "phonon-uuid": "u"}, 5], {"a:1": "u"}),
    ],
)
def test_the_listed_calls_are_those_of_the_right_shape(details: object, listed: dict[str, str] | None) -> None:
    assert read_answer(200, content(call_details=details)).phonon_uuids == listed


@given(st.text(), st.text(), st.text())
def test_what_is_kept_of_texts_is_one_printable_line(message: str, request_id: str, uuid: str) -> None:
    details = [{"client-identifier": "a:1", "phonon-uuid": uuid}]
    answer = read_answer(200, content(api_response_message=message, request_id=request_id, call_details=details))
    assert answer.phonon_uuids is not None
    for kept in (answer.message, answer.request_id or "", answer.phonon_uuids["a:1"]):
        assert kept.isprintable()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-1", None),
        ("inf", None),
        ("1e999", None),
        ("nan", None),
        ("soon", None),
        ("7 seconds", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_a_retry_after_is_a_number_of_seconds_or_nothing(header: str | None, seconds: float | None) -> None:
    assert read_answer(429, b"", retry_after=header).retry_after == seconds
