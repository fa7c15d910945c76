"""The limit as the stand-in measures it, with several senders at once; and what has a limit of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import URL

from concurrency.hurried import Hurried, send_in_process, urls_of
from concurrency.offices import Office, SenderThread, start_threads, wait_until
from dispatch.sending import RunningClock
from phonon.dispatch.points import Point
from simulator import LimitUnit, Settings
from simulator.running import Handle, running
from trial import _PROCESSES

_LIMIT = 60

NewPhonon = Callable[..., Handle]
NewOffice = Callable[..., Office]
Observe = Callable[[Callable[[Point], None]], None]


@pytest.mark.parametrize("unit", list(LimitUnit))
def test_processes_that_send_for_minutes_keep_the_limit(ledger_url: URL, unit: LimitUnit) -> None:
    clock = RunningClock(speed=60)
    per_minute = 600 if unit is LimitUnit.CALLS else 15
    # Whatever is above the limit by one call is refused by the stand-in, too.
    settings = Settings(bulk_per_minute=per_minute, limit_unit=unit)
    with running(settings, clock=clock.ist) as phonon:
        hurried = Hurried(ledger_url, clock, urls_of(phonon), per_minute, unit is LimitUnit.REQUESTS)
        first = hurried.plan("first", batches=24, calls=40)
        second = hurried.plan("second", batches=24, calls=40)
        senders = [(first, "first-1"), (first, "first-2"), (second, "second-1")]
        processes = [_PROCESSES.Process(target=send_in_process, args=(hurried, *each)) for each in senders]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        summary = phonon.summary()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert summary["accepted_calls"] == summary["unique_client_identifiers"] == 48 * 40
    assert summary["requests_by_status"] == {"202": 48}
    key = "highest_in_any_minute" if unit is LimitUnit.CALLS else "highest_requests_in_any_minute"
    assert max(summary[key]["bulk"].values()) <= per_minute


@pytest.mark.parametrize(("unit", "limit", "batch"), [("calls", _LIMIT, 1), ("requests", 6, 500)])
def test_senders_of_two_campaigns_stop_together_when_their_minute_is_full(
    new_phonon: NewPhonon, new_office: NewOffice, observe: Observe, unit: str, limit: int, batch: int
) -> None:
    phonon = new_phonon()
    extra = {"bulk_per_minute": limit, "limit_unit": unit}
    contacts = (limit + 2) * batch
    offices = [new_office(phonon, name=name, contacts=contacts, extra=extra) for name in ("first", "second")]
    threads = _send_until_the_minute_is_full(phonon, offices, observe, calls=limit * batch)
    assert _highest(phonon, unit) == {("bulk", "Zz09"): limit}
    assert phonon.summary()["requests"] == limit
    first, _, second, _ = [thread.finish().pending for thread in threads]
    assert first + second == 2 * contacts - limit * batch


def test_two_accounts_have_a_limit_each(new_phonon: NewPhonon, new_office: NewOffice, observe: Observe) -> None:
    phonon = new_phonon()
    extra = {"bulk_per_minute": _LIMIT}
    offices = [
        new_office(phonon, name=name, contacts=70, extra=extra, security_id=name * 16) for name in ("Aa01", "Bb02")
    ]
    _send_until_the_minute_is_full(phonon, offices, observe, calls=2 * _LIMIT)
    assert _highest(phonon, "calls") == {("bulk", "Aa01"): _LIMIT, ("bulk", "Bb02"): _LIMIT}


def test_the_two_endpoints_have_a_limit_each(
    new_phonon: NewPhonon, new_office: NewOffice, observe: Observe
) -> None:
    phonon = new_phonon()
    extra = {"bulk_per_minute": _LIMIT, "realtime_per_minute": _LIMIT // 2}
    offices = [
        new_office(phonon, name=name, contacts=70, endpoint=name, extra=extra) for name in ("bulk", "realtime")
    ]
    _send_until_the_minute_is_full(phonon, offices, observe, calls=_LIMIT + _LIMIT // 2)
    assert _highest(phonon, "calls") == {("bulk", "Zz09"): _LIMIT, ("realtime", "Zz09"): _LIMIT // 2}


def _send_until_the_minute_is_full(
    phonon: Handle, offices: Sequence[Office], observe: Observe, *, calls: int
) -> list[SenderThread]:
    """Two senders of each office send so many calls; each then tries twice more, and is told to end."""
    tries: Counter[str] = Counter()

    def count(point: Point) -> None:
        if point is Point.BEFORE_TAKE:
            tries[threading.current_thread().name] += 1

    for office in offices:
        office.extract()
    observe(count)
    threads = start_threads([(office, f"{office.name}-{number}") for office in offices for number in (1, 2)])
    wait_until(lambda: phonon.summary()["accepted_calls"] >= calls, "the minute is full")
    full = Counter(tries)
    wait_until(lambda: all(tries[each.name] >= full[each.name] + 2 for each in threads), "all have tried again")
    for thread in threads:
        thread.ending.asked = True
    for thread in threads:
        thread.finish()
    assert phonon.summary()["accepted_calls"] == calls
    return threads


def _highest(phonon: Handle, unit: str) -> dict[tuple[str, str], int]:
    summary = phonon.summary()
    by_endpoint = summary["highest_in_any_minute" if unit == "calls" else "highest_requests_in_any_minute"]
    return {
        (endpoint, account[-4:]): highest
        for endpoint, accounts in by_endpoint.items()
        for account, highest in accounts.items()
    }
