"""Promise 10: a ledger that forgot calls nobody again. The warehouse remembers what it has lost."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, select

from phonon.campaign.witness import Forgotten, Gap, Known, Remembered, forgotten
from phonon.errors import ForgetfulLedgerError, WarehouseError
from phonon.hooks.ledger import open_ledger
from phonon.ledger import identity
from phonon.ledger.schema import calls
from phonon.ledger.store import Ledger
from simulator import Settings
from simulator.running import running
from trial import Trial

_OWN, _OTHER = "bcdfghjkmnpqrstv", "zxwvtsrqpnmkjhgf"
_RUN = Remembered("trial", "run-1", _OWN, 3, 4)


@pytest.mark.parametrize(
    ("run", "gap"),
    [
        (_RUN, None),
        (replace(_RUN, sequence=4), Gap.SEQUENCE),
        (replace(_RUN, requests=5), Gap.REQUESTS),
        (replace(_RUN, requests=3), None),
        (replace(_RUN, run_id="run-2", requests=0), None),
        (replace(_RUN, run_id="run-2", requests=1), Gap.REQUESTS),
        (replace(_RUN, ledger_id=_OTHER, sequence=1, requests=0), Gap.STRANGER),
        (replace(_RUN, ledger_id="adopted", sequence=99, requests=99), None),
    ],
)
def test_what_the_warehouse_remembers_is_compared(run: Remembered, gap: Gap | None) -> None:
    known = Known(_OWN, 3, {("trial", "run-1"): 4}, frozenset({"adopted"}))

    assert forgotten(known, [run]) == (None if gap is None else Forgotten(run, gap))


_RUNS = st.lists(
    st.builds(
        Remembered,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from([_OWN, _OTHER]),
        st.integers(0, 9),
        st.integers(0, 9),
    )
)


@given(_RUNS)
def test_a_ledger_that_knows_all_that_it_told_has_forgotten_nothing(told: list[Remembered]) -> None:
    own = [run for run in told if run.ledger_id == _OWN]
    requests: dict[tuple[str, str], int] = {}
    for run in own:
        key = (run.campaign, run.run_id)
        requests[key] = max(run.requests, requests.get(key, 0))
    known = Known(_OWN, max((run.sequence for run in own), default=0), requests, frozenset({_OTHER}))

    assert forgotten(known, told) is None


@given(_RUNS, st.integers(0, 9))
def test_a_ledger_that_is_behind_any_run_has_forgotten_it(told: list[Remembered], sequence: int) -> None:
    known = Known(_OWN, sequence, {})
    is_behind = any(run.ledger_id != _OWN or run.sequence > sequence or run.requests > 0 for run in told)

    assert (forgotten(known, told) is not None) == is_behind


def backup(url: URL) -> URL:
    """A copy of a ledger as it is now; no connection to it may be open."""
    if url.get_backend_name() == "sqlite":
        target = f"{url.database}.copy"
        with sqlite3.connect(str(url.database)) as source, sqlite3.connect(target) as copied:
            source.backup(copied)
        return url.set(database=target)
    name = f"{url.database}_copy"
    text = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(text, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"'.encode())
    return url.set(database=name)


@pytest.fixture
def trial(ledger_url: URL, tmp_path: Path) -> Iterator[Trial]:
    with running(Settings(bulk_per_minute=600, realtime_per_minute=600)) as phonon:
        yield Trial(tmp_path, phonon, ledger_url, contacts=20)


def lost(trial: Trial, tmp_path: Path) -> None:
    """The trial's next ledger is a new one."""
    trial.ledger_url = URL.create("sqlite", database=str(tmp_path / "another.db"))


def test_a_lost_ledger_calls_nobody_again(trial: Trial, tmp_path: Path) -> None:
    trial.run()
    lost(trial, tmp_path)
    rows = trial.results()

    for step in (trial.extract, trial.push):
        with pytest.raises(ForgetfulLedgerError) as raised:
            step()
        text = str(raised.value)
        assert "the run run-1 of campaign trial" in text
        assert "another.db" in text
        assert "phonon ledger restored" in text
        assert "phonon ledger adopt " in text
        assert len(text.splitlines()[0]) < 120
    ledger = Ledger(trial.ledger_url)
    with ledger.transaction(read_only=True) as connection:
        assert connection.execute(select(calls)).all() == [], "nothing is claimed"
    ledger.close()
    assert trial.results() == rows, "the rows that tell who was called stay"
    trial.assert_books_agree()


@pytest.mark.parametrize("moment", ["before the plan", "before the calls", "before the push"])
def test_a_ledger_that_was_rolled_back_calls_nobody_again(
    trial: Trial, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(trial.ledger_url).close()
    if moment == "before the plan":
        old = backup(trial.ledger_url)
    trial.extract()
    if moment == "before the calls":
        old = backup(trial.ledger_url)
    if moment == "before the push":
        # The run has begun, and the backup was made before its first send.
        monkeypatch.setattr("phonon.campaign.job.CampaignJob._send", None)
        with pytest.raises(TypeError):
            trial.trigger()
        monkeypatch.undo()
        old = backup(trial.ledger_url)
        monkeypatch.setattr("phonon.campaign.job.CampaignJob._witness", lambda _: None)
        trial.trigger()
        monkeypatch.undo()
    else:
        trial.trigger()
    trial.push()
    trial.ledger_url = old

    for step in (trial.extract, trial.push, *([trial.trigger] if moment != "before the plan" else [])):
        with pytest.raises(ForgetfulLedgerError, match="the run run-1 of campaign trial"):
            step()

    trial.assert_books_agree()


def test_a_ledger_that_has_planned_and_was_lost_sends_nothing(trial: Trial, tmp_path: Path) -> None:
    """The other deployment began to send after this one has planned."""
    first = trial.ledger_url
    lost(trial, tmp_path)
    trial.extract()
    trial.ledger_url, second = first, trial.ledger_url
    trial.run()
    trial.ledger_url = second

    with pytest.raises(ForgetfulLedgerError):
        trial.trigger()

    assert len(trial.phonon.accepted()) == 20


def test_before_the_first_byte_the_warehouse_has_the_runs_row(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial.extract()
    seen = []

    def look(self: object, *_: object) -> None:
        seen.extend(trial.runs())
        raise KeyboardInterrupt

    monkeypatch.setattr("phonon.campaign.job.CampaignJob._send", look)
    with pytest.raises(KeyboardInterrupt):
        trial.trigger()

    [row] = seen
    assert (row["run_id"], row["outcome"], row["ledger_sequence"]) == ("run-1", "sending", 1)
    assert row["ledger_id"]
    assert trial.phonon.accepted() == []


def test_a_run_that_was_killed_between_its_row_and_its_first_send_is_taken_up(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial.extract()
    monkeypatch.setattr("phonon.campaign.job.CampaignJob._send", None)
    with pytest.raises(TypeError):
        trial.trigger()
    monkeypatch.undo()

    trial.run("run-1")

    trial.assert_books_agree()
    [row] = trial.runs()
    assert (row["outcome"], row["ledger_sequence"]) == ("completed", 2)


def test_the_pushed_row_keeps_the_signature(trial: Trial) -> None:
    trial.run()
    trial.push()

    [row] = trial.runs()
    ledger = Ledger(trial.ledger_url)
    with ledger.transaction(read_only=True) as connection:
        assert row["ledger_id"] == identity.identity(connection).id
        assert row["ledger_sequence"] == identity.sequence(connection) == 1
    ledger.close()


def test_a_run_without_calls_to_send_leaves_no_row(trial: Trial) -> None:
    trial.run()
    trial.trigger("run-2")

    assert [row["run_id"] for row in trial.runs()] == ["run-1"]


def test_a_dry_run_is_not_signed_and_a_test_run_is(trial: Trial) -> None:
    trial.run("dry", dry_run=True)
    trial.interval_key = "test:tested"
    trial.run("tested", test_numbers=("919999900099",))

    assert {row["run_id"]: row["ledger_sequence"] for row in trial.runs()} == {"dry": None, "tested": 1}


def test_rows_that_no_ledger_has_signed_are_ignored(trial: Trial, tmp_path: Path) -> None:
    trial.run()
    with duckdb.connect(str(trial.warehouse_file)) as connection:
        connection.execute("UPDATE phonon_campaign_runs SET ledger_id = NULL, ledger_sequence = NULL")
    lost(trial, tmp_path)
    trial.interval_key = "another"

    trial.run("run-2")

    assert trial.runs()[-1]["ledger_sequence"] == 1


def test_a_table_of_an_earlier_version_gets_the_columns(trial: Trial) -> None:
    trial.keys = {"limits": {"per_number": None}}
    trial.run()
    with duckdb.connect(str(trial.warehouse_file)) as connection:
        connection.execute("ALTER TABLE phonon_campaign_runs DROP COLUMN ledger_sequence")
        connection.execute("ALTER TABLE phonon_campaign_runs DROP COLUMN ledger_id")
    trial.interval_key = "another"

    trial.run("run-2")

    assert {row["run_id"]: row["ledger_sequence"] for row in trial.runs()} == {"run-1": None, "run-2": 2}


def test_a_new_ledger_says_once_where_it_was_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_LEDGER", f'{{"conn_type": "sqlite", "host": "{tmp_path}/ledger.db"}}')
    with caplog.at_level(logging.INFO):
        open_ledger().close()
        open_ledger().close()

    assert [record.getMessage() for record in caplog.records if "new, empty ledger" in record.getMessage()] == [
        f"A new, empty ledger was made at sqlite:///{tmp_path}/ledger.db: it knows of no call that was ever placed"
    ]


def test_results_that_cannot_be_written_are_found_out_before_the_first_call(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial.extract()
    trial.warehouse_file.chmod(0o400)
    real = duckdb.connect

    def as_a_reader(database: str, **options: object) -> duckdb.DuckDBPyConnection:
        return real(database, **{**options, "read_only": True})  # type: ignore[arg-type]

    monkeypatch.setattr(duckdb, "connect", as_a_reader)
    with pytest.raises(WarehouseError):
        trial.extract("run-2")
    with pytest.raises(WarehouseError):
        trial.trigger()

    assert trial.phonon.accepted() == []
