"""The disk of an SQLite ledger is full, when calls are planned and while they are sent.

On a real file system that is full where this machine lets a user make one; everywhere with a limit on the size of
the files of the process, at which SQLite cannot write either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from faults.small_disk import NoNamespacesError, SmallDisk, SmallDiskTrial, small_disk
from faults.small_files import SmallFilesTrial
from phonon.dispatch.points import Point
from simulator import BulkRepeat, Settings
from simulator.running import Handle, running
from trial import Trial, leaks, sqlite_url

_DISK_BYTES = 32_000_000
_CHUNK = 5_000
_CONTACTS = 20_000
_FAST = {"bulk_per_minute": 30_000, "timeout": {"connect": 2, "read": 30}}
# Of the ledger's files with a chunk or more planned, and too little for all.
_SOME_CHUNKS_ON_DISK = 3_500_000
# Each point, and each endpoint at two of them at least.
_CASES = [(point, ("bulk", "realtime")[number % 2]) for number, point in enumerate(Point)]


@pytest.fixture
def phonon() -> Iterator[Handle]:
    with running(Settings(realtime_per_minute=600, bulk_repeat=BulkRepeat.FORGET)) as handle:
        yield handle


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    try:
        with small_disk(tmp_path_factory.mktemp("disk"), size=_DISK_BYTES) as made:
            yield made
    except NoNamespacesError as error:
        pytest.skip(f"No file system can be made here: {error}")


@pytest.fixture
def disk_trial(disk: SmallDisk, phonon: Handle, tmp_path: Path) -> SmallDiskTrial:
    url = URL.create("sqlite", database=str(disk.folder / f"{tmp_path.name}.db"))
    return SmallDiskTrial(tmp_path, phonon, url)


@pytest.mark.parametrize(("point", "endpoint"), _CASES)
def test_a_full_disk_while_calls_are_sent_calls_nobody_twice(
    disk: SmallDisk, disk_trial: SmallDiskTrial, point: Point, endpoint: str
) -> None:
    trial = disk_trial
    trial.point, trial.endpoint = point, endpoint
    _assert_succeeds(disk.run(trial, "extract", "run-1"))
    _assert_fails(disk.run(trial, "trigger_on_full_disk", "run-1"), "database or disk is full")
    _assert_succeeds(disk.run(trial, "free", "run-1"))
    _assert_succeeds(disk.run(trial, "push", "run-1"))
    trial.assert_books_agree()
    _assert_succeeds(disk.run(trial, "run", "run-2"))
    _assert_finished(trial)


@pytest.mark.parametrize(("point", "endpoint"), _CASES)
def test_a_ledger_that_must_not_grow_while_calls_are_sent_calls_nobody_twice(
    phonon: Handle, tmp_path: Path, point: Point, endpoint: str
) -> None:
    trial = SmallFilesTrial(tmp_path, phonon, sqlite_url(tmp_path), endpoint=endpoint, point=point)
    trial.extract()
    _assert_fails(trial.process("trigger_without_growing", "run-1").finish(), "disk I/O error")
    trial.push()
    trial.assert_books_agree()
    trial.run("run-2")
    _assert_finished(trial)


def test_a_full_disk_while_calls_are_planned_keeps_whole_chunks_and_the_next_run_plans_the_rest(
    disk: SmallDisk, phonon: Handle, tmp_path: Path
) -> None:
    url = sqlite_url(disk.folder)
    trial = SmallDiskTrial(tmp_path, phonon, url, _CONTACTS, extra=_FAST, leaving=_SOME_CHUNKS_ON_DISK)
    _assert_fails(disk.run(trial, "extract_on_full_disk", "run-1"), "database or disk is full")
    _assert_succeeds(disk.run(trial, "free", "run-1"))
    exit_code, output = disk.run(trial, "run", "run-2")
    assert exit_code == 0, output
    [*_, before] = re.findall(r"(\d+) planned by an earlier run", output)
    assert int(before) in range(_CHUNK, _CONTACTS, _CHUNK)
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": _CONTACTS}


def test_a_ledger_that_must_not_grow_while_calls_are_planned_keeps_whole_chunks(
    phonon: Handle, tmp_path: Path
) -> None:
    trial = SmallFilesTrial(tmp_path, phonon, sqlite_url(tmp_path), _CONTACTS, extra=_FAST)
    _assert_fails(trial.process("extract_into_small_files", "run-1").finish(), "disk I/O error")
    planned = trial.extract("run-2")
    assert planned.already_planned in range(_CHUNK, _CONTACTS, _CHUNK)
    assert planned.already_planned + planned.planned == _CONTACTS
    trial.trigger("run-2")
    trial.push("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": _CONTACTS}


def _assert_succeeds(ended: tuple[int, str]) -> None:
    exit_code, output = ended
    assert exit_code == 0, output


def _assert_fails(ended: tuple[int, str], said: str) -> None:
    exit_code, output = ended
    assert exit_code == 1, output
    assert re.search(r"LedgerError: [^\n]*\nThe ledger at sqlite:", output), "the remedy first"
    assert f"failed: {said}." in output
    assert not leaks(output)


def _assert_finished(trial: Trial) -> None:
    trial.assert_books_agree()
    statuses = trial.statuses()
    if trial.endpoint == "realtime":
        assert statuses["accepted"] + statuses["accepted_earlier"] == trial.contacts
    else:
        assert statuses["accepted"] + statuses["held"] == trial.contacts
        assert statuses["held"] <= 4 * 10
