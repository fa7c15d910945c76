"""The command line: held batches are listed, shown, released, closed and proven; the switch is set and cleared."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer import Typer
from typer.testing import CliRunner, Result

from ledger.promises import states
from phonon.cli.app import app
from phonon.ledger.pauses import set_pauses
from phonon.ledger.store import Ledger
from review.holding import hold, rows_of, statuses
from trial import leaks

PROJECT = Path(__file__).resolve().parents[2]


def connection_of(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return json.dumps({"conn_type": "sqlite", "host": url.database})
    named = {"host": url.query["host"], "login": url.username, "schema": url.database}
    return json.dumps({"conn_type": "postgres", **named})


@pytest.fixture(autouse=True)
def _connection(ledger: Ledger, ledger_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_LEDGER", connection_of(ledger_url))
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", os.environ.get("_AIRFLOW_PROCESS_CONTEXT", "client"))


def phonon(*arguments: str, typed: str = "") -> Result:
    result = CliRunner().invoke(app, arguments, input=typed)
    assert not leaks(result.output)
    return result


def test_what_is_held_is_listed_with_whom_it_waits_for(ledger: Ledger) -> None:
    hold(ledger, 3, 2)
    listed = phonon("held", "list")
    assert listed.exit_code == 0
    header, first, second, total = listed.output.splitlines()
    assert header.split()[:4] == ["batch", "campaign", "interval", "calls"]
    assert first.split()[:2] == ["1", "trial"]
    assert second.split()[-3:] == ["request-2", "no", "answer"]
    assert total == "2 batches with 5 calls"
    assert phonon("held", "list", "--campaign", "another").output == "Nothing is held.\n"


def test_a_batch_is_shown_with_its_history(ledger: Ledger) -> None:
    hold(ledger, 3)
    phonon("held", "close", "1", "--note", "nobody knows", "--by", "asha")
    shown = phonon("held", "show", "1")
    assert shown.exit_code == 0
    assert "Batch 1: closed" in shown.output
    assert "nobody knows" in shown.output
    assert "close" in shown.output
    assert "unknown" in shown.output


def test_a_release_asks_first_and_no_means_no(ledger: Ledger) -> None:
    hold(ledger, 2)
    asked = phonon("held", "release", "1", "--note", "not received", typed="n\n")
    assert asked.exit_code == 1
    assert "these people are called a second time" in asked.output
    assert states(ledger) == {1: "held"}
    answered = phonon("held", "release", "1", "--note", "not received", "--by", "asha", typed="y\n")
    assert answered.exit_code == 0
    assert "Batch 1 of trial released: 2 calls, now batch 2" in answered.output
    [reason] = {row["reason"] for row in rows_of(ledger).values()}
    assert re.fullmatch(r"released by asha on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: not received", reason)
    assert statuses(ledger) == {"pending": 2}


def test_several_batches_are_released_without_a_question_when_told_so(ledger: Ledger) -> None:
    hold(ledger, 1, 1, 1)
    assert phonon("held", "release", "1", "3", "--note", "not received", "--yes").exit_code == 0
    assert Counter(states(ledger).values()) == {"released": 2, "held": 1, "pending": 2}


def test_a_closed_batch_tells_who_closed_it(ledger: Ledger) -> None:
    hold(ledger, 1)
    closed = phonon("held", "close", "1", "--note", "nobody knows")
    assert closed.output == "Batch 1 of trial closed: 1 call\n"
    [row] = rows_of(ledger).values()
    assert row["reason"].startswith("closed by ")
    assert row["run_id"].startswith("cli:")


def test_a_report_settles_what_it_lists(ledger: Ledger, tmp_path: Path) -> None:
    hold(ledger, 3)
    report = tmp_path / "report.csv"
    report.write_text("client-identifier,mobile\nci-b0c0,919999900000\nci-b0c2,919999900000\n")
    applied = phonon("held", "evidence", str(report))
    assert applied.exit_code == 0
    assert applied.output.startswith("2 calls accepted")
    assert statuses(ledger) == {"accepted": 2, "held": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["held", "show", "9"], "There is no batch 9 in this ledger."),
        (["held", "release", "9", "--note", "why", "--yes"], "There is no batch 9"),
        (["held", "release", "1", "--note", " ", "--yes"], "note: say why"),
        (["held", "close", "1", "--note", "call 9999900001"], "could be a phone number"),
        (["held", "close", "1", "--note", "why", "--by", " "], "--by: give a name"),
        (["held", "evidence", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["pause", "trail", "--reason", "why"], "There is no campaign 'trail'"),
        (["resume"], "Everything is not paused. Paused is: nothing."),
        (["--ledger-conn-id", "other", "held", "list"], "There is no connection 'other'"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_status_1(ledger: Ledger, arguments: list[str], said: str) -> None:
    hold(ledger, 1)
    failed = phonon(*arguments)
    assert failed.exit_code == 1
    assert said in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert states(ledger) == {1: "held"}


@pytest.mark.parametrize(
    "arguments",
    [["held", "close", "1"], ["held", "release", "--note", "x"], ["held", "show", "one"], ["pause"], ["nothing"]],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert phonon(*arguments).exit_code == 2


def test_a_pause_is_set_listed_and_cleared(ledger: Ledger) -> None:
    hold(ledger, 1)
    assert phonon("pause", "trial", "--reason", "wrong prices", "--by", "asha").exit_code == 0
    assert phonon("pause", "--reason", "everything stops").exit_code == 0
    assert phonon("pause", "trial", "--reason", "again").output.startswith("Campaign trial was paused already")
    first, second = phonon("pauses").output.splitlines()
    assert first.startswith("everything was paused by ")
    assert re.fullmatch(r"trial was paused by asha at .* UTC: wrong prices", second)
    assert "everything is paused still" in phonon("resume", "trial").output
    assert phonon("resume").exit_code == 0
    assert phonon("pauses").output == "Nothing is paused.\n"
    assert phonon("pause", "never-ran", "--reason", "why", "--new").exit_code == 0
    with ledger.transaction(read_only=True) as connection:
        assert [each.scope for each in set_pauses(connection)] == ["never-ran"]


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    module, name = project["scripts"]["phonon"].split(":")
    assert getattr(import_module(module), name) is app
    assert isinstance(app, Typer)
    assert any(each.startswith("typer") for each in project["dependencies"])
