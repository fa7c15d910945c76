"""What a success and a refusal look like, and what is kept of an accepted call."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from simulator import IST, Arrival, BulkAnswer, Endpoint, Phonon, Reply, Settings
from simulator.sample import SECURITY_ID, sample_body, sample_call, sample_request

NOW = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=IST)


def answered(settings: Settings, endpoint: Endpoint, body: bytes) -> Reply:
    return Phonon(settings).handle(endpoint, body, now=NOW, source_ip="10.0.0.1")


def starting(start_time: str) -> bytes:
    return orjson.dumps(sample_request() | {"calls": [sample_call() | {"start-time": start_time}]})


def test_bulk_answers_202_accepted_without_details() -> None:
    reply = answered(Settings(), Endpoint.BULK, sample_body(2))
    answer = orjson.loads(reply.body)
    assert reply.status == 202
    assert str(UUID(answer.pop("request-id")))
    assert answer == {"api-response-code": 202, "api-response-message": "Accepted", "call-details": None}


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [(Settings(), Endpoint.REALTIME), (Settings(bulk_answer=BulkAnswer.DETAILS), Endpoint.BULK)],
    ids=["real time", "bulk of the base version"],
)
def test_a_success_with_details_names_every_call(settings: Settings, endpoint: Endpoint) -> None:
    reply = answered(settings, endpoint, sample_body(3))
    answer = orjson.loads(reply.body)
    assert (reply.status, answer["api-response-code"], answer["api-response-message"]) == (200, 200, "Success")
    assert [detail["client-identifier"] for detail in answer["call-details"]] == [
        "sample:0",
        "sample:1",
        "sample:2",
    ]
    assert len({UUID(detail["phonon-uuid"]) for detail in answer["call-details"]}) == 3


def test_bulk_as_a_queue_answers_with_the_queues_own_json() -> None:
    reply = answered(Settings(bulk_answer=BulkAnswer.QUEUE), Endpoint.BULK, sample_body())
    assert reply.status == 200
    assert list(orjson.loads(reply.body)) == ["SendMessageResponse"]


def test_the_shape_of_bulk_answers_does_not_touch_real_time() -> None:
    reply = answered(Settings(bulk_answer=BulkAnswer.QUEUE), Endpoint.REALTIME, sample_body())
    assert orjson.loads(reply.body)["api-response-code"] == 200


def test_a_refusal_has_http_200_and_no_request_id_by_default() -> None:
    reply = answered(Settings(), Endpoint.BULK, sample_body(0))
    assert reply.status == 200
    assert orjson.loads(reply.body) == {
        "api-response-code": 302,
        "api-response-message": "Empty Call List",
    }


def test_a_refusal_can_have_another_http_status_and_a_request_id() -> None:
    settings = Settings(refusal_status=400, refusals_carry_request_id=True)
    reply = answered(settings, Endpoint.BULK, sample_body(0))
    assert reply.status == 400
    assert str(UUID(orjson.loads(reply.body)["request-id"]))


def test_a_source_ip_that_is_not_listed_gets_a_bare_403_from_bulk() -> None:
    reply = answered(Settings(allowed_ips=frozenset({"10.0.0.2"})), Endpoint.BULK, sample_body())
    assert (reply.status, reply.body) == (403, b"")


def test_a_source_ip_that_is_not_listed_gets_code_401_from_real_time() -> None:
    reply = answered(Settings(allowed_ips=frozenset({"10.0.0.2"})), Endpoint.REALTIME, sample_body())
    assert orjson.loads(reply.body)["api-response-code"] == 401


def test_a_source_ip_that_is_listed_is_served() -> None:
    reply = answered(Settings(allowed_ips=frozenset({"10.0.0.1"})), Endpoint.BULK, sample_body())
    assert reply.status == 202


@pytest.mark.parametrize(("spare", "status"), [(0, 202), (-1, 413)], ids=["just fits", "one byte more"])
def test_a_body_larger_than_the_limit_is_not_processed(spare: int, status: int) -> None:
    body = sample_body()
    body += b" " * (256_000 - len(body) - spare)
    phonon = Phonon()
    assert phonon.handle(Endpoint.BULK, body, now=NOW, source_ip="").status == status
    assert phonon.summary()["accepted_calls"] == (1 if status == 202 else 0)


def test_a_request_that_is_not_sent_as_json_is_not_processed() -> None:
    arrival = Arrival(endpoint=Endpoint.BULK, body=sample_body(), now=NOW, source_ip="", content_type="text/plain")
    assert Phonon().answer(arrival, None).status == 415


def test_a_call_that_starts_later_dials_at_its_start_time() -> None:
    phonon = Phonon()
    phonon.handle(Endpoint.BULK, starting("2026-11-24T12:30:00+05:30"), now=NOW, source_ip="")
    (call,) = phonon.accepted()
    assert call.dials_at == call.start_time == datetime(2026, 11, 24, 12, 30, tzinfo=IST)


def test_a_call_whose_time_is_past_today_dials_at_once() -> None:
    phonon = Phonon()
    phonon.handle(Endpoint.BULK, starting("2026-11-24T09:00:00+05:30"), now=NOW, source_ip="")
    (call,) = phonon.accepted()
    assert (call.start_time, call.dials_at) == (datetime(2026, 11, 24, 9, 0, tzinfo=IST), NOW)


def test_an_accepted_call_is_kept_with_what_the_answer_said() -> None:
    phonon = Phonon()
    reply = phonon.handle(Endpoint.REALTIME, sample_body(2, first=12_344), now=NOW, source_ip="")
    answer = orjson.loads(reply.body)
    second = list(phonon.accepted())[1]
    assert second.client_identifier == "sample:12345"
    assert second.phonon_uuid == answer["call-details"][1]["phonon-uuid"]
    assert second.request_id == answer["request-id"]
    assert (second.number_last4, second.numbers, second.received_at) == ("2345", 1, NOW)
    assert second.keys == {"$flow.key.Name": "Asha"}


def test_the_json_of_an_accepted_call_has_no_whole_number() -> None:
    phonon = Phonon()
    phonon.handle(Endpoint.BULK, sample_body(first=12_345), now=NOW, source_ip="")
    (call,) = phonon.accepted()
    assert b"919999912345" not in call.as_json()
    assert b'"number_last4":"2345"' in call.as_json()


def test_a_client_identifier_that_is_accepted_twice_is_reported() -> None:
    phonon = Phonon()
    phonon.handle(Endpoint.BULK, sample_body(2), now=NOW, source_ip="")
    phonon.handle(Endpoint.BULK, sample_body(1) + b" ", now=NOW, source_ip="")
    summary = phonon.summary()
    assert (summary["accepted_calls"], summary["unique_client_identifiers"]) == (3, 2)
    assert summary["accepted_more_than_once"] == 1
    assert summary["repeated_client_identifiers"] == {"sample:0": 2}


def test_the_latest_calls_come_newest_first() -> None:
    phonon = Phonon()
    for first in (0, 2):
        phonon.handle(Endpoint.BULK, sample_body(2, first=first), now=NOW, source_ip="")
    assert [call.client_identifier for call in phonon.latest(3)] == ["sample:3", "sample:2", "sample:1"]


def test_the_same_seed_and_requests_give_the_same_answers() -> None:
    first, second = Phonon(Settings(seed="a")), Phonon(Settings(seed="a"))
    for later in range(3):
        at = NOW + timedelta(seconds=later)
        body = sample_body(2, first=later)
        assert first.handle(Endpoint.REALTIME, body, now=at, source_ip="") == second.handle(
            Endpoint.REALTIME, body, now=at, source_ip=""
        )


def test_no_two_requests_have_the_same_request_id() -> None:
    phonon = Phonon(Settings(seed="a"))
    for first in range(20):
        phonon.handle(Endpoint.BULK, sample_body(first=first), now=NOW, source_ip="")
    before = {call.request_id for call in phonon.accepted()}
    phonon.reset()
    phonon.handle(Endpoint.BULK, sample_body(), now=NOW, source_ip="")
    (call,) = phonon.accepted()
    assert len(before) == 20
    assert call.request_id not in before


@pytest.mark.parametrize("name", ["bulk_per_minute", "max_calls", "delay_seconds", "checksum_seconds"])
def test_a_negative_setting_is_refused_by_its_name(name: str) -> None:
    slip: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=name):
        Settings(**slip)


def test_what_is_secret_is_not_in_the_text_of_settings_and_requests() -> None:
    settings = Settings(security_ids=frozenset({SECURITY_ID}), test_numbers=frozenset({"919999912345"}))
    arrival = Arrival(endpoint=Endpoint.BULK, body=sample_body(), now=NOW, source_ip="")
    text = f"{settings} {arrival}"
    assert SECURITY_ID not in text
    assert "9199999" not in text
