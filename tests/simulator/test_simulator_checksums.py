"""The checksum rule: bytes that were received before."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson
import pytest

from simulator import IST, BulkRepeat, ChecksumScope, Endpoint, Fault, Kind, Phonon, Settings
from simulator.checksums import Checksums
from simulator.sample import sample_body

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=IST)
BODY = sample_body(3)


def code(phonon: Phonon, endpoint: Endpoint, *, body: bytes = BODY, after: float = 0) -> int:
    reply = phonon.handle(endpoint, body, now=NOW + timedelta(seconds=after), source_ip="")
    answer: dict[str, int] = orjson.loads(reply.body)
    return answer["api-response-code"]


@pytest.mark.parametrize(
    ("treatment", "second_code", "accepted", "dropped"),
    [(BulkRepeat.REFUSE, 201, 3, 0), (BulkRepeat.DROP, 202, 3, 3), (BulkRepeat.FORGET, 202, 6, 0)],
)
def test_bulk_treats_a_repeated_body_as_it_is_set(
    treatment: BulkRepeat, second_code: int, accepted: int, dropped: int
) -> None:
    phonon = Phonon(Settings(bulk_repeat=treatment))
    assert [code(phonon, Endpoint.BULK), code(phonon, Endpoint.BULK)] == [202, second_code]
    summary = phonon.summary()
    assert (summary["accepted_calls"], summary["dropped_repeats"]) == (accepted, dropped)


@pytest.mark.parametrize("treatment", list(BulkRepeat))
def test_real_time_refuses_a_repeated_body_with_201_whatever_bulk_does(treatment: BulkRepeat) -> None:
    phonon = Phonon(Settings(bulk_repeat=treatment))
    assert [code(phonon, Endpoint.REALTIME), code(phonon, Endpoint.REALTIME)] == [200, 201]
    assert phonon.summary()["accepted_calls"] == 3


def test_one_changed_byte_calls_everybody_again() -> None:
    phonon = Phonon()
    assert [code(phonon, Endpoint.REALTIME), code(phonon, Endpoint.REALTIME, body=BODY + b"\n")] == [200, 200]
    assert phonon.summary()["accepted_more_than_once"] == 3


@pytest.mark.parametrize(("after", "expected"), [(59.9, 201), (60, 200)])
def test_a_memory_with_an_end_forgets_after_it(after: float, expected: int) -> None:
    phonon = Phonon(Settings(checksum_seconds=60))
    code(phonon, Endpoint.REALTIME)
    assert code(phonon, Endpoint.REALTIME, after=after) == expected


def test_a_memory_with_an_end_still_knows_the_younger_bodies() -> None:
    phonon = Phonon(Settings(checksum_seconds=60))
    code(phonon, Endpoint.REALTIME, body=sample_body(first=1))
    code(phonon, Endpoint.REALTIME, body=sample_body(first=2), after=50)
    code(phonon, Endpoint.REALTIME, body=sample_body(first=3), after=70)
    assert code(phonon, Endpoint.REALTIME, body=sample_body(first=2), after=70) == 201


def test_receiving_a_body_again_does_not_lengthen_its_memory() -> None:
    checksums = Checksums(Settings(checksum_seconds=60))
    for seconds in (0, 50):
        checksums.remember(Endpoint.BULK, BODY, seconds * 1_000_000)
    assert checksums.knows(Endpoint.BULK, BODY, 59_999_999)
    assert not checksums.knows(Endpoint.BULK, BODY, 60_000_000)


def test_a_memory_without_an_end_does_not_forget_in_a_year() -> None:
    phonon = Phonon()
    code(phonon, Endpoint.REALTIME)
    assert code(phonon, Endpoint.REALTIME, after=365 * 86_400) == 201


@pytest.mark.parametrize(("scope", "expected"), [(ChecksumScope.ENDPOINT, 200), (ChecksumScope.EVERYWHERE, 201)])
def test_the_other_endpoint_knows_a_body_only_in_the_wider_scope(scope: ChecksumScope, expected: int) -> None:
    phonon = Phonon(Settings(checksum_scope=scope))
    code(phonon, Endpoint.BULK)
    assert code(phonon, Endpoint.REALTIME) == expected


@pytest.mark.parametrize(("counts", "expected"), [(False, 200), (True, 201)])
def test_a_body_that_was_refused_with_500_counts_as_received_only_when_set(counts: bool, expected: int) -> None:
    phonon = Phonon(Settings(refused_counts_as_received=counts))
    phonon.faults.inject(Fault(Kind.CODE, code=500))
    assert [code(phonon, Endpoint.REALTIME), code(phonon, Endpoint.REALTIME)] == [500, expected]


@pytest.mark.parametrize(("counts", "expected"), [(False, 302), (True, 201)])
def test_a_body_that_broke_a_rule_counts_as_received_only_when_set(counts: bool, expected: int) -> None:
    phonon = Phonon(Settings(refused_counts_as_received=counts))
    empty = sample_body(0)
    assert [code(phonon, Endpoint.REALTIME, body=empty), code(phonon, Endpoint.REALTIME, body=empty)] == [
        302,
        expected,
    ]


def test_bulk_never_answers_accepted_to_a_body_that_breaks_a_rule() -> None:
    phonon = Phonon(Settings(refused_counts_as_received=True, bulk_repeat=BulkRepeat.DROP))
    empty = sample_body(0)
    assert [code(phonon, Endpoint.BULK, body=empty), code(phonon, Endpoint.BULK, body=empty)] == [302, 302]


def test_a_partly_accepted_body_counts_as_received() -> None:
    phonon = Phonon()
    phonon.faults.inject(Fault(Kind.PARTIAL, indexes=(0,)))
    assert [code(phonon, Endpoint.REALTIME), code(phonon, Endpoint.REALTIME)] == [209, 201]
    assert phonon.summary()["accepted_calls"] == 1


def test_a_reset_forgets_what_was_received() -> None:
    phonon = Phonon()
    code(phonon, Endpoint.REALTIME)
    phonon.reset()
    assert code(phonon, Endpoint.REALTIME) == 200
