"""The warehouse is locked or gone while results are pushed: that push fails, and the repeated one is right."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from faults.airflow_processes import wait_for
from faults.interrupted_postgres import InterruptedPostgres
from faults.stopped_warehouse import ImpatientTrial, PostgresTrial, held_by_another_process
from phonon.errors import WarehouseError
from simulator import BulkRepeat, Settings
from simulator.running import Handle, running
from trial import sqlite_url

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def phonon() -> Iterator[Handle]:
    with running(Settings(bulk_per_minute=600, bulk_repeat=BulkRepeat.FORGET)) as handle:
        yield handle


@pytest.fixture(scope="module")
def server() -> Iterator[InterruptedPostgres]:
    server = InterruptedPostgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def duckdb_trial(phonon: Handle, tmp_path: Path) -> ImpatientTrial:
    folder = tmp_path / "warehouse"
    folder.mkdir()
    return ImpatientTrial(folder, phonon, sqlite_url(tmp_path))


@pytest.fixture
def postgres_trial(server: InterruptedPostgres, phonon: Handle, tmp_path: Path) -> Iterator[PostgresTrial]:
    database = server.create_database()
    yield PostgresTrial(tmp_path, phonon, sqlite_url(tmp_path), server=server, database=database)
    server.drop_database(database)


def test_a_push_into_a_held_duckdb_file_fails_and_can_be_repeated(duckdb_trial: ImpatientTrial) -> None:
    trial = duckdb_trial
    trial.extract()
    trial.trigger()
    with held_by_another_process(trial.warehouse_file), pytest.raises(WarehouseError, match="lock"):
        trial.push()
    _assert_a_push_makes_it_right(trial)


def test_a_push_waits_for_a_duckdb_file_that_is_held_for_a_moment(duckdb_trial: ImpatientTrial) -> None:
    trial = duckdb_trial
    trial.lock_wait_seconds = 60
    trial.extract()
    trial.trigger()
    with ThreadPoolExecutor() as threads:
        with held_by_another_process(trial.warehouse_file):
            pushing = threads.submit(trial.push)
        pushing.result()
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": trial.contacts}


def test_a_push_into_a_folder_that_was_moved_fails_and_makes_no_other_file(duckdb_trial: ImpatientTrial) -> None:
    trial = duckdb_trial
    trial.extract()
    trial.trigger()
    elsewhere = trial.folder.rename(trial.folder.with_name("elsewhere"))
    with pytest.raises(WarehouseError, match="cannot be opened"):
        trial.push()
    elsewhere.rename(trial.folder)
    _assert_a_push_makes_it_right(trial)


def test_a_push_into_a_stopped_postgres_fails_and_can_be_repeated(
    postgres_trial: PostgresTrial, server: InterruptedPostgres
) -> None:
    trial = postgres_trial
    trial.extract()
    trial.trigger()
    server.crash()
    with pytest.raises(WarehouseError, match="cannot be opened"):
        trial.push()
    server.start_again()
    _assert_a_push_makes_it_right(trial)


def test_a_postgres_that_stops_in_the_middle_of_a_push_keeps_the_rows_of_the_last_one(
    postgres_trial: PostgresTrial, server: InterruptedPostgres
) -> None:
    trial = postgres_trial
    assert trial.database is not None
    trial.extract()
    trial.push()
    trial.trigger()
    with psycopg.connect(trial.database.dsn) as reader, ThreadPoolExecutor() as threads:
        # The push has opened its transaction, and waits for this one.
        reader.execute("LOCK TABLE phonon_call_results IN SHARE MODE")
        pushing = threads.submit(trial.push)
        wait_for(lambda: trial.database.execute(_WAITING) == [(1,)], "the push is in the middle")
        server.crash()
        with pytest.raises(WarehouseError):
            pushing.result()
        server.start_again()
        reader.close()
    assert trial.statuses() == {"pending": trial.contacts}
    _assert_a_push_makes_it_right(trial)


def _assert_a_push_makes_it_right(trial: ImpatientTrial | PostgresTrial) -> None:
    trial.push()
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": trial.contacts}
