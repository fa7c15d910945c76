"""The command line: numbers are put on the do-not-call list, taken off, looked up and counted."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from sqlalchemy import URL, select
from typer.testing import CliRunner, Result

from ledger.promises import plan_batches, states
from phonon.cli.app import app
from phonon.ledger.report import result_rows
from phonon.ledger.schema import decisions, do_not_call, metadata
from phonon.ledger.store import Ledger
from trial import leaks

NOTE = ("--note", "asked by letter")


def connection_of(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return json.dumps({"conn_type": "sqlite", "host": url.database})
    named = {"host": url.query["host"], "login": url.username, "schema": url.database}
    return json.dumps({"conn_type": "postgres", **named})


@pytest.fixture(autouse=True)
def _connection(ledger: Ledger, ledger_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_LEDGER", connection_of(ledger_url))
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", os.environ.get("_AIRFLOW_PROCESS_CONTEXT", "client"))


def phonon(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["do-not-call", *arguments])
    assert not leaks(result.output)
    return result


def said(*arguments: str) -> str:
    result = phonon(*arguments)
    assert result.exit_code == 0, result.output
    return result.output.rstrip("\n")


def refused(*arguments: str) -> str:
    result = phonon(*arguments)
    assert result.exit_code == 1, result.output
    assert len(result.stderr.splitlines()) == 1
    assert said("count") == "0"
    return result.stderr.rstrip("\n")


def file_of(folder: Path, text: str) -> str:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_numbers_in_any_writing_are_added_looked_up_counted_and_removed() -> None:
    assert said("count") == "0"
    assert said("add", "+91 99999 00001", "09999900002", *NOTE, "--by", "asha") == "2 numbers added."
    assert said("add", "9999900001", "9999900003", *NOTE) == "1 number added, 1 already on the list."
    assert said("count") == "3"
    on, off = said("check", "919999900001", "(99999) 000-09").splitlines()
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(rf"\*{{6}}0001: on the list since {when}, by asha: asked by letter", on)
    assert off == "******0009: not on the list"
    removed = said("remove", "99999-00001", "99999.00004", "--note", "changed their mind")
    assert removed == "1 number removed, 1 not on the list."
    assert said("count") == "2"


@pytest.mark.parametrize(
    "text",
    [
        "9999900001\n9999900002\n",
        "mobile\r\n+91 99999 00001\r\n\r\n9999900002",
        "\ufeff9999900001\n9999900002\n9999900001\n",
    ],
)
def test_a_file_of_one_column_is_read_with_a_title_or_without(tmp_path: Path, text: str) -> None:
    assert said("add", "--csv", file_of(tmp_path, text), *NOTE) == "2 numbers added."
    assert said("remove", "--csv", file_of(tmp_path, text), *NOTE) == "2 numbers removed."


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_column_of_a_file_is_named(tmp_path: Path, delimiter: str) -> None:
    rows = [["Name", "Mobile", "Since"], ["Asha", "9999900001", "2026"], ["Ravi", "9999900002", "2025"]]
    path = file_of(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert said("add", "--csv", path, "--column", "mobile", *NOTE) == "2 numbers added."
    assert said("check", "9999900002").startswith("******0002: on the list")


def test_a_hundred_thousand_numbers_of_a_file_are_added(tmp_path: Path) -> None:
    path = file_of(tmp_path, "\n".join(f"99999{i:05}" for i in range(100_000)))
    assert said("add", "--csv", path, *NOTE) == "100,000 numbers added."
    assert said("count") == "100000"
    assert said("remove", "--csv", path, *NOTE) == "100,000 numbers removed."


def test_what_is_no_number_is_told_by_its_line_and_nothing_is_changed(tmp_path: Path) -> None:
    path = file_of(tmp_path, "mobile\n9999900001\n99999\nnobody\n9999900002\n")
    told = "2 values are no Indian mobile numbers: line 3: too short; line 4: not digits. Nothing was changed."
    assert refused("add", "--csv", path, *NOTE) == told
    assert refused("remove", "--csv", path, *NOTE) == told
    assert refused("add", "9999900001", "12", *NOTE).startswith("1 values are no Indian mobile numbers: number 2: ")
    assert refused("check", "12").startswith("1 values are no Indian mobile numbers: number 1: too short")


def test_what_is_no_number_is_skipped_when_told_so(tmp_path: Path) -> None:
    path = file_of(tmp_path, "mobile\n9999900001\n99999\nnobody\n9999900002\n")
    added = said("add", "--csv", path, *NOTE, "--skip-wrong")
    assert added == "2 numbers added.\nSkipped, since they are no mobile numbers: 2 values."


def test_of_many_wrong_lines_the_first_are_told(tmp_path: Path) -> None:
    told = refused("add", "--csv", file_of(tmp_path, "12\n" * 500), *NOTE)
    assert told.startswith("500 values are no Indian mobile numbers: line 1: too short; line 2")
    assert "; and 480 more. Nothing was changed." in told


@pytest.mark.parametrize(
    ("text", "arguments", "told"),
    [
        ("", [], "is empty."),
        ("\n \n", [], "is empty."),
        ("name,mobile\nAsha,9999900001\n", [], "has 2 columns. Name the one that holds the numbers with --column."),
        (
            "name,mobile\nAsha,9999900001\n",
            ["--column", "phone"],
            "no column 'phone'; its first line is: name",
        ),
        ("mobile,mobile\n1,2\n", ["--column", "mobile"], "more than one column 'mobile'"),
        ("Asha,9999900001\n", ["--column", "mobile"], "its first line is: Asha, ***."),
        ("name,mobile\nAsha,9999900001\nRavi\n", ["--column", "mobile"], "is ragged: line 3 has 1 columns"),
        ('mobile\n"9999900001\n', [], "is not CSV: "),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_nothing_is_changed(
    tmp_path: Path, text: str, arguments: list[str], told: str
) -> None:
    assert told in refused("add", "--csv", file_of(tmp_path, text), *arguments, *NOTE)


def test_a_file_that_is_no_text_and_one_that_is_not_there_are_told(tmp_path: Path) -> None:
    workbook = tmp_path / "list.xlsx"
    workbook.write_bytes(b"PK\x03\x04\xff\xfe")
    assert "is not text in UTF-8" in refused("add", "--csv", str(workbook), *NOTE)
    assert "cannot be read: No such file" in refused("add", "--csv", str(tmp_path / "gone.csv"), *NOTE)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", *NOTE], "Give numbers, or a file of them with --csv."),
        (["add", "9999900001", "--csv", "list.csv", *NOTE], "Give numbers or --csv, not both."),
        (["add", "9999900001", "--note", " "], "note: say why"),
        (["add", "9999900001", "--note", "of 9999900001"], "could be a phone number"),
        (["add", "9999900001", *NOTE, "--by", " "], "--by: give a name"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_changed(arguments: list[str], told: str) -> None:
    assert told in refused(*arguments)


@pytest.mark.parametrize("arguments", [["add", "9999900001"], ["check"], ["nothing"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert phonon(*arguments).exit_code == 2


def test_calls_that_are_planned_are_taken_back_and_it_is_told(ledger: Ledger) -> None:
    plan_batches(ledger, [2, 1])  # all to one number
    added = said("add", "9999900000", "9999900001", *NOTE, "--by", "asha")
    assert added == "2 numbers added.\nTaken back: 3 planned calls; with other numbers of the contact left: 0."
    rows = [row for chunk in result_rows(ledger, 1, chunk_rows=100) for row in chunk]
    shown = {(row["contact_id"], row["status"], row["reason"]) for row in rows}
    assert shown == {(name, "suppressed", "do not call") for name in ("b0c0", "b0c1", "b1c0")}
    assert set(states(ledger).values()) == {"split"}


def test_no_table_of_the_ledger_holds_a_number_that_was_added(ledger: Ledger) -> None:
    said("add", "9999900001", *NOTE, "--by", "asha")
    with ledger.transaction(read_only=True) as connection:
        [entry] = connection.execute(select(do_not_call)).all()
        [decided] = connection.execute(select(decisions)).all()
        content = str([connection.execute(select(table)).all() for table in metadata.sorted_tables])
    assert entry.number_hash == ledger.number_hash("919999900001")
    assert (decided.action, decided.scope, decided.calls, decided.note) == ("do-not-call add", "*", 1, NOTE[1])
    assert not leaks(content)
