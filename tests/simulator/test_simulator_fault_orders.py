"""Which requests a fault is for, and which faults make no sense."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from simulator import IST, Delivery, Endpoint, Fault, Kind, Phonon, Settings, When
from simulator.faults import Faults
from simulator.sample import sample_body

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=IST)

STRIKES = [
    ("once by default", {}, "x...."),
    ("as often as told", {"times": 3}, "xxx.."),
    ("for ever", {"times": None}, "xxxxx"),
    ("after some are spared", {"skip": 2}, "..x.."),
    ("every second one", {"every": 2, "times": None}, ".x.x."),
    ("every second one after some are spared", {"skip": 1, "every": 2, "times": 2}, "..x.x"),
]


@pytest.mark.parametrize(("options", "pattern"), [row[1:] for row in STRIKES], ids=[row[0] for row in STRIKES])
def test_a_fault_strikes_the_requests_it_is_for(options: dict[str, Any], pattern: str) -> None:
    faults = Faults()
    faults.inject(Fault(Kind.EMPTY, **options))
    assert "".join("x" if faults.draw(Endpoint.BULK) else "." for _ in pattern) == pattern


def test_a_fault_for_one_endpoint_neither_strikes_nor_counts_the_other() -> None:
    faults = Faults()
    fault = Fault(Kind.EMPTY, endpoint=Endpoint.REALTIME, skip=1)
    faults.inject(fault)
    drawn = [faults.draw(endpoint) for endpoint in (Endpoint.REALTIME, Endpoint.BULK, Endpoint.REALTIME)]
    assert drawn == [None, None, fault]


def test_faults_that_are_injected_together_strike_one_after_the_other() -> None:
    faults = Faults()
    first, second = Fault(Kind.EMPTY), Fault(Kind.HTML)
    faults.inject(first)
    faults.inject(second)
    assert [faults.draw(Endpoint.BULK) for _ in range(3)] == [first, second, None]


def test_only_faults_that_may_still_strike_are_waiting() -> None:
    faults = Faults()
    lasting = Fault(Kind.HTML, times=None)
    faults.inject(Fault(Kind.EMPTY))
    faults.inject(lasting)
    faults.draw(Endpoint.BULK)
    assert faults.waiting() == [lasting]
    faults.clear()
    assert faults.waiting() == []


@pytest.mark.parametrize(
    ("fault", "delivery", "delay"),
    [
        (Fault(Kind.NO_ANSWER), Delivery.NEVER, 0),
        (Fault(Kind.RESET), Delivery.RESET, 0),
        (Fault(Kind.HALF_ANSWER), Delivery.CUT, 0),
        (Fault(Kind.HALF_ANSWER, announce_whole=False), Delivery.WHOLE, 0),
        (Fault(Kind.SLOW, seconds=7), Delivery.WHOLE, 7),
    ],
    ids=["no answer", "reset", "half", "half that looks whole", "slow"],
)
def test_the_core_alone_tells_what_becomes_of_its_answer(fault: Fault, delivery: Delivery, delay: float) -> None:
    phonon = Phonon()
    phonon.faults.inject(fault)
    reply = phonon.handle(Endpoint.BULK, sample_body(), now=NOW, source_ip="")
    assert (reply.delivery, reply.delay_seconds) == (delivery, delay)


def test_the_delay_of_every_answer_and_of_a_slow_one_add_up() -> None:
    phonon = Phonon(Settings(delay_seconds=2))
    phonon.faults.inject(Fault(Kind.SLOW, seconds=7))
    replies = [phonon.handle(Endpoint.BULK, sample_body(first=n), now=NOW, source_ip="") for n in range(2)]
    assert [reply.delay_seconds for reply in replies] == [9, 2]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (Kind.CODE, {}, "needs code"),
        (Kind.STATUS, {}, "needs status"),
        (Kind.SLOW, {}, "needs seconds"),
        (Kind.SLOW, {"seconds": -1.0}, "negative"),
        (Kind.STATUS, {"status": 99}, "200 to 599"),
        (Kind.PARTIAL, {"fraction": 0.5, "indexes": (0,)}, "not both"),
        (Kind.PARTIAL, {"fraction": 1.5}, "0 to 1"),
        (Kind.PARTIAL, {"indexes": (-1,)}, "negative"),
        (Kind.EMPTY, {"code": 500}, "has no code"),
        (Kind.SLOW, {"seconds": 1.0, "accept": True}, "has no accept"),
        (Kind.EMPTY, {"skip": -1}, "skip"),
        (Kind.EMPTY, {"times": 0}, "times"),
        (Kind.EMPTY, {"every": 0}, "every"),
        (Kind.HALF_ANSWER, {"when": When.BEFORE}, "when=after"),
        (Kind.STATUS, {"status": 503, "when": When.BEFORE_BODY}, "when=before or after"),
    ],
)
def test_a_fault_that_could_not_do_what_it_says_is_refused(kind: Kind, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Fault(kind, **options)
