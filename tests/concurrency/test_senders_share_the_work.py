"""Several senders at once, in threads and in processes, over one interval and over several campaigns."""

from __future__ import annotations

from collections.abc import Callable

from concurrency.offices import Office, assert_all_books_agree, assert_each_batch_was_sent_once, start_threads
from simulator.running import Handle
from trial import leaks, new_gate

_RUNS = ("run-1", "run-2", "run-3", "run-4")

NewPhonon = Callable[..., Handle]
NewOffice = Callable[..., Office]


def test_four_threads_share_an_interval(new_phonon: NewPhonon, new_office: NewOffice) -> None:
    phonon = new_phonon(delay_seconds=0.05)
    office = new_office(phonon, contacts=300, extra={"max_in_flight": 2})
    office.extract()
    for thread in start_threads([(office, run_id) for run_id in _RUNS]):
        thread.finish()
    office.push()
    office.assert_books_agree()
    assert office.statuses() == {"accepted": 300}
    assert len(assert_each_batch_was_sent_once(office, phonon)) > 1


def test_four_processes_share_an_interval(new_phonon: NewPhonon, new_office: NewOffice) -> None:
    phonon = new_phonon(delay_seconds=0.05)
    office = new_office(phonon, contacts=300, extra={"max_in_flight": 2})
    office.extract()
    _run_processes([(office, "trigger", run_id) for run_id in _RUNS])
    office.push()
    office.assert_books_agree()
    assert office.statuses() == {"accepted": 300}
    assert len(assert_each_batch_was_sent_once(office, phonon)) > 1


def test_campaigns_of_one_account_in_threads_and_processes_keep_their_calls_apart(
    new_phonon: NewPhonon, new_office: NewOffice
) -> None:
    phonon = new_phonon(delay_seconds=0.02)
    first, second = (new_office(phonon, contacts=120, name=name) for name in ("first", "second"))
    _run_processes([(first, "extract", "first-1"), (second, "extract", "second-1")])
    threads = start_threads([(first, "first-1"), (second, "second-1")])
    _run_processes([(first, "trigger", "first-2"), (second, "trigger", "second-2")])
    for thread in threads:
        thread.finish()
    for office in (first, second):
        office.push(f"{office.name}-1")
        assert office.statuses() == {"accepted": 120}
    assert_all_books_agree(phonon, [first, second])
    assert phonon.summary()["accepted_calls"] == 240


def test_planners_and_senders_of_one_interval_at_once_neither_lose_nor_repeat(
    new_phonon: NewPhonon, new_office: NewOffice
) -> None:
    phonon = new_phonon(delay_seconds=0.05)
    office = new_office(phonon, contacts=200, extra={"max_in_flight": 2})
    _run_processes(
        [
            (office, "extract", "run-1"),
            (office, "extract", "run-2"),
            (office, "trigger", "run-3"),
            (office, "trigger", "run-4"),
        ]
    )
    office.trigger("run-1")
    office.push("run-1")
    office.assert_books_agree()
    assert office.statuses() == {"accepted": 200}
    assert_each_batch_was_sent_once(office, phonon)


def _run_processes(steps: list[tuple[Office, str, str]]) -> None:
    gate = new_gate(len(steps))
    for process in [office.process(step, run_id, gate=gate) for office, step, run_id in steps]:
        exit_code, output = process.finish()
        assert exit_code == 0, output
        assert not leaks(output)
