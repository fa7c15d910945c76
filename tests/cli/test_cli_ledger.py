"""``phonon ledger restored``: a campaign with a stand-in Phonon loses its ledger, and goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, select
from typer.testing import CliRunner, Result

from phonon.cli.app import app
from phonon.errors import ForgetfulLedgerError
from phonon.ledger import identity
from phonon.ledger.schema import decisions
from phonon.ledger.store import Ledger
from review.lives import HEADER, back_up, lose
from simulator import Settings
from simulator.running import running
from trial import Trial, leaks

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
LATER = "2026-11-24T04:30:00+00:00"


def phonon(*arguments: str, typed: str = "") -> Result:
    result = CliRunner().invoke(app, arguments, input=typed)
    assert not leaks(result.output)
    return result


def done(*arguments: str) -> str:
    """What a command says that can be done."""
    result = phonon(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def as_process(*arguments: str) -> str:
    """The same, as a process of its own."""
    names = ("AIRFLOW_HOME", "AIRFLOW_CONN_PHONON_LEDGER", "AIRFLOW_CONN_WAREHOUSE", "PHONON_CAMPAIGNS")
    environment = {"PATH": os.defpath, "PYTHONPATH": str(PLUGINS), "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    result = subprocess.run(
        [sys.executable, "-m", "phonon.cli", *arguments],
        env={**environment, **{name: os.environ[name] for name in names}},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not leaks(result.stdout + result.stderr)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture(autouse=True)
def _connection(ledger_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"conn_type": "sqlite", "host": ledger_url.database}
    if ledger_url.get_backend_name() != "sqlite":
        login = {"login": ledger_url.username, "schema": ledger_url.database}
        named = {"conn_type": "postgres", "host": str(ledger_url.query["host"]), **login}
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_LEDGER", json.dumps(named))
    warehouse = {"conn_type": "duckdb", "host": str(tmp_path / "warehouse.duckdb")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))
    (tmp_path / "campaigns").mkdir()
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(tmp_path / "campaigns"))
    (tmp_path / "campaigns" / "trial.yaml").write_text(
        "name: trial\ncontacts: SELECT 1 AS id, 2 AS mobile\ncontact_id: id\nnumbers: [mobile]\nflow_id: abcdEF12\n"
    )
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", os.environ.get("_AIRFLOW_PROCESS_CONTEXT", "client"))


@pytest.fixture
def trial(tmp_path: Path, ledger_url: URL) -> Iterator[Trial]:
    with running(Settings(bulk_per_minute=600, realtime_per_minute=600)) as phonon:
        yield Trial(tmp_path, phonon, ledger_url)


def report_of(trial: Trial) -> str:
    """All calls that Phonon has accepted, as its own report."""
    rows = [f"{call.client_identifier},{call.phonon_uuid},{call.request_id}" for call in trial.phonon.accepted()]
    path = trial.folder / "report.csv"
    path.write_text("\n".join([HEADER, *rows]))
    return str(path)


def test_a_ledger_restored_from_a_backup_calls_nobody_twice(trial: Trial) -> None:
    trial.run("run-1", limit=20)
    trial.extract("run-2", limit=15)
    restore = back_up(trial.ledger_url)
    trial.trigger("run-2")
    trial.run("run-3")
    assert len(trial.phonon.accepted()) == 60

    lose(trial.ledger_url)
    restore()
    report = report_of(trial)
    early = phonon("ledger", "restored", report, "--note", "disk broken", "--yes")
    assert (early.exit_code, early.stdout) == (1, "")
    assert "phonon pause --reason" in early.stderr
    done("pause", "--reason", "the ledger was restored")
    told = as_process("ledger", "restored", report, "--note", "disk broken", "--by", "asha", "--yes")
    assert "2 batches with 15 calls held." in told
    assert "15 calls accepted" in told
    assert "25 calls remembered" in told
    assert "Nothing is held." in told
    done("resume")

    trial.run("run-4")
    assert len(trial.phonon.accepted()) == 60
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 60}
    # Of the first 20 the ledger has the answer of bulk, which gives no uuids.
    ids = {call.client_identifier: (call.phonon_uuid, call.request_id) for call in trial.phonon.accepted()[20:]}
    rows = [row for row in trial.results() if row["client_identifier"] in ids]
    assert {row["client_identifier"]: (row["phonon_uuid"], row["request_id"]) for row in rows} == ids


def test_after_a_lost_ledger_the_limits_hold_and_what_no_report_has_is_called(trial: Trial) -> None:
    trial.run("run-1", limit=40)
    lose(trial.ledger_url)
    # A new and empty one: for SQLite an empty file is that, for PostgreSQL an empty database.
    if trial.ledger_url.get_backend_name() == "sqlite":
        Path(str(trial.ledger_url.database)).touch()
    done("pause", "--reason", "the ledger is lost")
    told = as_process("ledger", "restored", report_of(trial), "--note", "disk broken", "--yes")
    assert "40 calls remembered" in told
    done("resume")
    trial.run("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 60}
    assert len(trial.phonon.accepted()) == 60
    trial.interval_key = LATER
    trial.run("run-3")
    [reason] = {row["reason"] for row in trial.results()}
    assert re.fullmatch(r"called on \d{4}-\d\d-\d\d by trial", reason)
    assert len(trial.phonon.accepted()) == 60


def forget_all(trial: Trial) -> None:
    """Lose the ledger; a new and empty one takes its place."""
    lose(trial.ledger_url)
    if trial.ledger_url.get_backend_name() == "sqlite":
        Path(str(trial.ledger_url.database)).touch()


def test_the_results_tables_alone_bring_a_lost_ledger_back(trial: Trial) -> None:
    trial.run("run-1", limit=40)
    forget_all(trial)
    with pytest.raises(ForgetfulLedgerError):
        trial.run("run-1")
    done("pause", "--reason", "the ledger is lost")
    told = as_process("ledger", "restored", "--note", "disk broken", "--yes")
    assert "40 placed calls are in the results tables: phonon_call_results of warehouse." in told
    assert "40 calls remembered" in told
    done("resume")

    trial.run("run-1")

    assert len(trial.phonon.accepted()) == 60
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 60}


def test_a_ledger_that_was_rolled_back_goes_on_after_restored(trial: Trial) -> None:
    trial.run("run-1", limit=20)
    restore = back_up(trial.ledger_url)
    trial.run("run-2", limit=20)
    lose(trial.ledger_url)
    restore()
    with pytest.raises(ForgetfulLedgerError):
        trial.run("run-2")
    done("pause", "--reason", "the ledger was restored")
    done("ledger", "restored", "--note", "disk broken", "--yes")
    done("resume")

    trial.run("run-3")

    assert len(trial.phonon.accepted()) == 60
    trial.assert_books_agree()


def test_what_a_forgotten_run_may_have_placed_is_held(trial: Trial) -> None:
    """The run was killed while it sent: the warehouse knows that it began, and nobody whom it called."""
    trial.extract("run-1")
    trial.trigger("run-1")
    forget_all(trial)
    done("pause", "--reason", "the ledger is lost")
    done("ledger", "restored", "--note", "disk broken", "--yes")
    done("resume")

    trial.run("run-1")

    assert len(trial.phonon.accepted()) == 60
    assert trial.statuses() == {"held": 60}


def test_an_adopted_ledger_may_write_the_same_tables(trial: Trial) -> None:
    trial.run("run-1", limit=10)
    forget_all(trial)
    with pytest.raises(ForgetfulLedgerError) as raised:
        trial.extract("run-2")
    found = re.search(r"adopt ([a-z]+) --note", str(raised.value))
    assert found is not None
    adopting = ("ledger", "adopt", found[1], "--note", "the other country", "--by", "asha")

    assert done(*adopting) == f"Ledger {found[1]} is adopted.\n"
    assert done(*adopting) == f"Ledger {found[1]} was adopted already.\n"

    trial.interval_key = LATER
    trial.run("run-2")
    assert len(trial.phonon.accepted()) == 70
    ledger = Ledger(trial.ledger_url)
    with ledger.transaction(read_only=True) as connection:
        kept = connection.execute(select(decisions).where(decisions.c.action == "adopt")).one()
        own = identity.identity(connection).id
    ledger.close()
    assert (kept.decided_by, kept.note) == ("asha", f"ledger {found[1]}: the other country")
    assert "Run 'phonon ledger restored' instead" in phonon("ledger", "adopt", own, "--note", "why").stderr


def test_a_batch_that_no_report_shows_is_left_to_a_person(trial: Trial) -> None:
    trial.extract("run-1", limit=15)
    done("pause", "--reason", "the ledger was restored")
    told = done("ledger", "restored", "--note", "disk broken", "--yes")
    assert "2 batches with 15 calls held." in told
    assert any(line.split() == ["trial", trial.interval_key, "2", "15"] for line in told.splitlines())
    assert "release what was certainly not received" in told
    assert "the ledger was restored by" in done("held", "list")
    assert "The ledger has no send of it." in done("held", "show", "1")
    done("held", "release", "1", "2", "--note", "not in the report", "--yes")
    done("resume")
    trial.run("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 60}


def test_it_says_what_it_will_do_and_no_means_no(trial: Trial) -> None:
    trial.extract("run-1", limit=15)
    done("pause", "--reason", "the ledger was restored")
    asked = phonon("ledger", "restored", "--note", "disk broken", typed="n\n")
    assert asked.exit_code == 1
    assert "2 batches with 15 calls could still be sent." in asked.stdout
    assert "must reach from the time of the backup" in asked.stdout
    assert done("held", "list") == "Nothing is held.\n"
    answered = phonon("ledger", "restored", "--note", "disk broken", typed="y\n")
    assert answered.exit_code == 0
    assert done("held", "list").endswith("2 batches with 15 calls\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "is empty"), ("name,place\na,b\n", "no column client-identifier"), (f"{HEADER}\na,b\n", "is ragged")],
)
def test_a_wrong_report_is_refused_before_anything_is_changed(trial: Trial, content: str, said: str) -> None:
    trial.extract("run-1", limit=15)
    done("pause", "--reason", "the ledger was restored")
    wrong = trial.folder / "wrong.csv"
    wrong.write_text(content)
    good = trial.folder / "good.csv"
    good.write_text(f"{HEADER}\nci-1,u,r\n")
    failed = phonon("ledger", "restored", str(good), str(wrong), "--note", "disk broken", "--yes")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert said in failed.stderr
    assert done("held", "list") == "Nothing is held.\n"
    gone = phonon("ledger", "restored", "nowhere.csv", "--note", "disk broken", "--yes")
    assert (gone.exit_code, gone.stderr) == (1, "nowhere.csv cannot be read: No such file or directory.\n")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--yes"], 2, "--note"),
        (["--note", " ", "--yes"], 1, "note: say why"),
        (["--note", "why", "--by", " ", "--yes"], 1, "--by: give a name"),
    ],
)
def test_a_note_and_a_name_are_asked_for(ledger: Ledger, arguments: list[str], status: int, said: str) -> None:
    failed = phonon("ledger", "restored", *arguments)
    assert failed.exit_code == status
    assert said in failed.stderr


def test_the_ledger_is_kept_small_from_the_command_line(trial: Trial) -> None:
    trial.run()
    told = done("ledger", "maintain", "--hashes", "30")
    assert "Phone numbers erased: those of 0 batches" in told
    assert "Room on disk" in told
    assert "Room on disk" in done("ledger", "maintain", "--whole")
    trial.run("run-2")
    assert len(trial.phonon.accepted()) == 60
