"""What every answer leads to: the contract's table "What the codes lead to", row by row."""

from __future__ import annotations

from itertools import product

import orjson
import pytest

from phonon.api.answer import read_answer
from phonon.api.codes import Code
from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Kind, Past, Verdict, classify

BULK, REALTIME = Endpoint.BULK, Endpoint.REALTIME
NOTHING_ACCEPTED = (Past.FIRST, Past.REFUSED)
PERHAPS_ACCEPTED = (Past.ACCEPTED, Past.DOUBTFUL, Past.UNANSWERED, Past.MIXED)
REQUEST_ID = "6f1c2d9e-0000-4000-8000-000000000001"

# code, message, on bulk, on real time: for a batch of which certainly nothing was accepted earlier
TABLE = [
    (200, "Success", Kind.ACCEPTED, Kind.ACCEPTED),
    (201, "Checksum Repeated", Kind.HELD, Kind.HELD),
    (202, "Invalid Security ID", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (203, "API Version not Supported", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (204, "Invalid SMS Gateway", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (205, "Invalid Contact Number", Kind.SPLIT, Kind.SPLIT),
    (206, "Failure from Gateway", Kind.UNKNOWN, Kind.AGAIN),
    (207, "DID Not Mapped", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (208, "No Mask Available", Kind.AGAIN, Kind.AGAIN),
    (209, "Partial Success", Kind.PARTIAL, Kind.PARTIAL),
    (210, "Invalid Mandatory Parameters", Kind.SPLIT, Kind.SPLIT),
    (211, "Validity Expired", Kind.TOP_UP, Kind.TOP_UP),
    (212, "Insufficient Balance", Kind.TOP_UP, Kind.TOP_UP),
    (213, "No Data Available", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (301, "Invalid Flow ID", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (302, "Empty Call List", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (303, "Max Data List Size Exceeded", Kind.SPLIT, Kind.SPLIT),
    (304, "Invalid Flow Version", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (400, "Invalid Format", Kind.SPLIT, Kind.SPLIT),
    (401, "IP Not Whitelisted", Kind.FIX_CONFIGURATION, Kind.FIX_CONFIGURATION),
    (402, "Phone Not Whitelisted", Kind.SPLIT, Kind.SPLIT),
    (429, "Too Many Requests", Kind.THROTTLED, Kind.THROTTLED),
    (500, "Failure", Kind.UNKNOWN, Kind.AGAIN),
]
ROWS = [
    pytest.param(endpoint, code, message, kind, id=f"{code}-{endpoint}")
    for code, message, on_bulk, on_realtime in TABLE
    for endpoint, kind in ((BULK, on_bulk), (REALTIME, on_realtime))
]
REFUSING = [code for code, *_ in TABLE if code not in {200, 209}]


def content(code: object, message: object = "", **fields: object) -> bytes:
    return orjson.dumps({"api-response-code": code, "api-response-message": message, **fields})


def verdict(endpoint: Endpoint, past: Past, status: int, body: bytes) -> Verdict:
    return classify(endpoint, past, read_answer(status, body))


def test_the_table_has_every_code_there_is() -> None:
    assert [code for code, *_ in TABLE] == sorted(Code)


@pytest.mark.parametrize("past", NOTHING_ACCEPTED)
@pytest.mark.parametrize(("endpoint", "code", "message", "kind"), ROWS)
def test_a_code_leads_where_the_contract_says(
    endpoint: Endpoint, past: Past, code: int, message: str, kind: Kind
) -> None:
    assert verdict(endpoint, past, 200, content(code, message)).kind is kind


@pytest.mark.parametrize("past", PERHAPS_ACCEPTED)
@pytest.mark.parametrize(("endpoint", "code", "message", "kind"), [row for row in ROWS if row.values[1] != 201])
def test_after_a_doubtful_send_a_batch_is_held_where_it_would_be_split(
    endpoint: Endpoint, past: Past, code: int, message: str, kind: Kind
) -> None:
    expected = Kind.HELD if kind is Kind.SPLIT else kind
    assert verdict(endpoint, past, 200, content(code, message)).kind is expected


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize(
    ("past", "kind", "then"),
    [
        (Past.UNANSWERED, Kind.ACCEPTED_EARLIER, Past.UNANSWERED),
        (Past.FIRST, Kind.HELD, Past.UNANSWERED),
        (Past.REFUSED, Kind.HELD, Past.REFUSED),
        (Past.DOUBTFUL, Kind.HELD, Past.DOUBTFUL),
        (Past.MIXED, Kind.HELD, Past.MIXED),
    ],
)
def test_a_repeated_checksum_proves_acceptance_only_after_nothing_but_silence(
    endpoint: Endpoint, past: Past, kind: Kind, then: Past
) -> None:
    found = verdict(endpoint, past, 200, content(201, "Checksum Repeated"))
    assert (found.kind, found.past) == (kind, then)


def test_a_repeated_checksum_on_a_first_send_says_that_someone_else_sent_it() -> None:
    assert "someone else" in verdict(REALTIME, Past.FIRST, 200, content(201)).reason


@pytest.mark.parametrize("code", [206, 500])
@pytest.mark.parametrize("status", [200, 206, 500])
@pytest.mark.parametrize(
    ("past", "then"),
    [
        (Past.FIRST, Past.DOUBTFUL),
        (Past.REFUSED, Past.DOUBTFUL),
        (Past.DOUBTFUL, Past.DOUBTFUL),
        (Past.UNANSWERED, Past.MIXED),
        (Past.MIXED, Past.MIXED),
    ],
)
@pytest.mark.parametrize(("endpoint", "kind"), [(BULK, Kind.UNKNOWN), (REALTIME, Kind.AGAIN)])
def test_a_failure_is_repeated_on_real_time_and_unknown_on_bulk_and_never_forgotten(
    endpoint: Endpoint, kind: Kind, past: Past, then: Past, status: int, code: int
) -> None:
    found = verdict(endpoint, past, status, content(code, "Failure"))
    assert (found.kind, found.past) == (kind, then)


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("past", Past)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Too Many Requests",
        b"<html></html>",
        b'{"message": "Limit Exceeded"}',
        content(429),
        content(205),
        content(500),
        content(999),
    ],
)
def test_http_429_is_throttled_whatever_its_body_says(endpoint: Endpoint, past: Past, body: bytes) -> None:
    assert verdict(endpoint, past, 429, body).kind is Kind.THROTTLED


def test_a_throttled_first_send_was_refused_whole() -> None:
    assert verdict(BULK, Past.FIRST, 429, b"").past is Past.REFUSED


def test_the_wait_that_a_429_asks_for_is_read() -> None:
    assert read_answer(429, b"", retry_after="7").retry_after == 7.0


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("past", NOTHING_ACCEPTED)
@pytest.mark.parametrize("body", [b"", b"<html></html>", b"request entity too large", b'{"message": "too large"}'])
def test_http_413_is_split_when_nothing_was_accepted(endpoint: Endpoint, past: Past, body: bytes) -> None:
    assert verdict(endpoint, past, 413, body).kind is Kind.SPLIT


@pytest.mark.parametrize("past", PERHAPS_ACCEPTED)
def test_http_413_is_held_when_something_may_have_been_accepted(past: Past) -> None:
    assert verdict(REALTIME, past, 413, b"").kind is Kind.HELD


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("past", Past)
@pytest.mark.parametrize("body", [b"", b"<html>Forbidden</html>", b'{"message": "Forbidden"}', content(999)])
def test_http_403_is_a_matter_of_configuration(endpoint: Endpoint, past: Past, body: bytes) -> None:
    assert verdict(endpoint, past, 403, body).kind is Kind.FIX_CONFIGURATION


@pytest.mark.parametrize(
    ("endpoint", "status", "message", "request_id", "kind"),
    [
        (BULK, 202, "Accepted", REQUEST_ID, Kind.ACCEPTED),
        (BULK, 200, "Accepted", REQUEST_ID, Kind.ACCEPTED),
        (BULK, 202, " ACCEPTED ", REQUEST_ID, Kind.ACCEPTED),
        (BULK, 202, "Accepted", None, Kind.UNKNOWN),
        (BULK, 202, "Accepted", "", Kind.UNKNOWN),
        (BULK, 202, "Accepted", 17, Kind.UNKNOWN),
        (BULK, 500, "Accepted", REQUEST_ID, Kind.UNKNOWN),
        (BULK, 403, "Accepted", REQUEST_ID, Kind.UNKNOWN),
        (BULK, 202, "Invalid Security ID", None, Kind.FIX_CONFIGURATION),
        (BULK, 200, "invalid security id", None, Kind.FIX_CONFIGURATION),
        (BULK, 202, "Invalid Security ID", REQUEST_ID, Kind.FIX_CONFIGURATION),
        (BULK, 202, "Invalid Security-ID.", None, Kind.FIX_CONFIGURATION),
        (BULK, 401, "The security ID is invalid", None, Kind.FIX_CONFIGURATION),
        (BULK, 202, "Accepted, invalid security tokens ignored", None, Kind.UNKNOWN),
        (BULK, 202, "Queued", REQUEST_ID, Kind.UNKNOWN),
        (BULK, 202, "Queued", None, Kind.UNKNOWN),
        (BULK, 202, None, REQUEST_ID, Kind.UNKNOWN),
        (REALTIME, 200, "Invalid Security ID", None, Kind.FIX_CONFIGURATION),
        (REALTIME, 202, "Invalid Security ID", REQUEST_ID, Kind.FIX_CONFIGURATION),
        (REALTIME, 200, "Unknown security id", None, Kind.FIX_CONFIGURATION),
        (REALTIME, 200, None, None, Kind.FIX_CONFIGURATION),
        (REALTIME, 202, "Accepted", REQUEST_ID, Kind.UNKNOWN),
        (REALTIME, 202, "Accepted", None, Kind.UNKNOWN),
        (REALTIME, 202, "Queued", REQUEST_ID, Kind.UNKNOWN),
    ],
)
def test_a_202_is_decided_by_endpoint_status_message_and_request_id(
    endpoint: Endpoint, status: int, message: str | None, request_id: object, kind: Kind
) -> None:
    body = content(202, message, **{"request-id": request_id, "call-details": None})
    assert verdict(endpoint, Past.FIRST, status, body).kind is kind


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("code", [200, 209])
@pytest.mark.parametrize("status", [307, 400, 403, 413, 429, 500, 502])
def test_a_success_under_a_failing_http_status_is_unknown(endpoint: Endpoint, status: int, code: int) -> None:
    found = verdict(endpoint, Past.FIRST, status, content(code))
    assert (found.kind, found.past) == (Kind.UNKNOWN, Past.UNANSWERED)


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_under_any_2xx_is_accepted(endpoint: Endpoint, status: int) -> None:
    assert verdict(endpoint, Past.FIRST, status, content(200, "Success")).kind is Kind.ACCEPTED


@pytest.mark.parametrize("status", [400, 403, 500, 503])
@pytest.mark.parametrize(
    ("endpoint", "code", "message", "kind"), [row for row in ROWS if row.values[1] in REFUSING]
)
def test_a_known_refusal_in_the_body_counts_whatever_the_http_status(
    endpoint: Endpoint, status: int, code: int, message: str, kind: Kind
) -> None:
    assert verdict(endpoint, Past.FIRST, status, content(code, message)).kind is kind


UNREADABLE = {
    "empty": b"",
    "blank": b" \r\n",
    "HTML": b"<!doctype html><title>Bad Gateway</title>",
    "text": b"upstream connect error",
    "half JSON": content(200, "Success")[:-5],
    "bytes that are no text": b"\xff\xfe\x00{",
    "list": b"[200]",
    "number": b"200",
    "text in quotes": b'"200"',
    "null": b"null",
    "true": b"true",
    "empty object": b"{}",
    "null code": content(None),
    "unknown code": content(299),
    "negative code": content(-200),
    "code as text": content("200"),
    "code as true": content(True),
    "code as float": content(200.0),
    "code as list": content([200]),
    "code as object": content({"code": 200}),
    "queue": b'{"SendMessageResponse": {"SendMessageResult": {"MessageId": "1"}}}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(
    ("endpoint", "status"),
    list(product(Endpoint, [200, 202, 204, 307, 400, 401, 404, 500, 502, 504])),
)
def test_an_answer_without_a_known_code_is_unknown(endpoint: Endpoint, status: int, body: bytes) -> None:
    found = verdict(endpoint, Past.FIRST, status, body)
    assert (found.kind, found.past) == (Kind.UNKNOWN, Past.UNANSWERED)


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("past", Past)
def test_no_answer_is_unknown_and_remembered(endpoint: Endpoint, past: Past) -> None:
    found = classify(endpoint, past, None)
    assert (found.kind, found.past) == (Kind.UNKNOWN, past.after_silence())


@pytest.mark.parametrize(
    ("kind", "stops"), [(kind, kind in {Kind.TOP_UP, Kind.FIX_CONFIGURATION}) for kind in Kind]
)
def test_only_what_a_person_must_mend_stops_a_run(kind: Kind, stops: bool) -> None:
    assert kind.stops is stops


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, content(205, "Invalid Contact Number"), "HTTP 200 code 205 Invalid Contact Number"),
        (403, b"", "HTTP 403 empty body"),
        (502, b"<html>", "HTTP 502 HTML instead of JSON"),
        (200, content(299), "HTTP 200 unknown api-response-code 299"),
        (200, content(206), "HTTP 200 code 206"),
    ],
)
def test_the_reason_holds_what_was_answered(status: int, body: bytes, reason: str) -> None:
    assert verdict(BULK, Past.FIRST, status, body).reason == reason


def test_the_reason_for_holding_instead_of_splitting_names_both() -> None:
    reason = verdict(REALTIME, Past.UNANSWERED, 200, content(205, "Invalid Contact Number")).reason
    assert reason == (
        "HTTP 200 code 205 Invalid Contact Number; an earlier send of the batch may have been accepted"
    )


@pytest.mark.parametrize(
    ("past", "then"),
    [
        (Past.FIRST, Past.ACCEPTED),
        (Past.REFUSED, Past.ACCEPTED),
        (Past.DOUBTFUL, Past.DOUBTFUL),
        (Past.UNANSWERED, Past.UNANSWERED),
        (Past.MIXED, Past.MIXED),
    ],
)
@pytest.mark.parametrize(("endpoint", "code"), [(BULK, 200), (BULK, 202), (REALTIME, 200), (REALTIME, 209)])
def test_a_success_is_called_accepted_and_clears_up_no_earlier_doubt(
    endpoint: Endpoint, code: int, past: Past, then: Past
) -> None:
    assert verdict(endpoint, past, 200, content(code, "Accepted", **{"request-id": "r"})).past is then
