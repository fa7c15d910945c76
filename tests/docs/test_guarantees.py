"""What docs/guarantees.md names exists, its picture shows the states as they are, and its warning is true."""

from __future__ import annotations

import ast
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from http import HTTPStatus
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from typer.main import get_command

from phonon.api.codes import Code
from phonon.api.verdict import Past
from phonon.cli.app import app
from phonon.errors import ForgetfulLedgerError
from phonon.ledger.states import WITHOUT_CALLS, BatchState, call_status
from simulator import BulkRepeat, Settings
from simulator.running import running
from trial import Trial, sqlite_url

_PROJECT = Path(__file__).resolve().parents[2]
_PAGE = _PROJECT / "docs" / "guarantees.md"
_TEXT = _PAGE.read_text(encoding="utf-8")
_PICTURE = _PROJECT / "docs" / "images" / "batch-states.svg"
_SPANS = re.findall(r"`([^`\n]+)`", _TEXT)
_TESTS = [span for span in _SPANS if "::" in span]
_WORD = re.compile(r"[A-Za-z_][A-Za-z_.]*")

_OF_PHONON = {"call-details", "client-identifier", "contact-numbers"}
_OF_DATABASES = {"synchronous_commit", "READ COMMITTED", "REPEATABLE READ", "null"}


def test_every_test_that_is_named_exists() -> None:
    assert len(_TESTS) > 40
    assert [name for name in _TESTS if not _is_test(*name.split("::"))] == []


def test_every_row_of_the_fault_matrix_names_a_test() -> None:
    rows = _TEXT.partition("## The fault matrix")[2].partition("\n## ")[0].split("\n| ")[3:]
    assert len(rows) > 30
    assert [row for row in rows if "::test_" not in row] == []


def test_every_word_of_the_code_is_one() -> None:
    words = {span for span in _SPANS if _WORD.fullmatch(span)} - _OF_DATABASES
    assert {"pending", "held", "on_unknown", "limit_unit", "PhononOutboundOperator"} <= words
    known = _words_of_the_code()
    assert [word for word in sorted(words) if not known.issuperset(word.split("."))] == []


def test_everything_else_in_code_type_is_a_setting_or_a_command_or_known() -> None:
    strange = []
    for span in _SPANS:
        if "::" in span or _WORD.fullmatch(span) or span in _OF_PHONON | _OF_DATABASES:
            continue
        if span.split()[0] in {"phonon", "make"} or ": " in span or _in_the_ledger(span):
            continue
        strange.append(span)
    assert strange == []


def test_every_setting_with_a_value_is_one_that_a_campaign_takes(tmp_path: Path) -> None:
    settings = [yaml.safe_load(span) for span in _SPANS if ": " in span and not span.startswith("phonon ")]
    assert len(settings) > 3
    with running(Settings()) as phonon:
        for keys in settings:
            Trial(tmp_path, phonon, sqlite_url(tmp_path), keys=keys).campaign()


def test_every_command_exists() -> None:
    commands = [span for span in _SPANS if span.split()[0] == "phonon"]
    assert len(commands) > 4
    for command in commands:
        _assert_is_command(shlex.split(command)[1:])
    targets = re.findall(r"^(\w+):", (_PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {span.split()[1] for span in _SPANS if span.startswith("make ")} <= set(targets)


def test_every_number_that_looks_like_a_code_is_one() -> None:
    numbers = {int(number) for number in re.findall(r"(?<![\d,.-])[2-6]\d\d(?![\d,.]\d|\d)", _TEXT)}
    assert {201, 206, 209} <= numbers
    assert numbers <= {*Code, *HTTPStatus}


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", _TEXT)
    assert links
    assert [link for link in links if not (_PAGE.parent / link).is_file()] == []


def test_the_picture_shows_every_state_as_the_results_do() -> None:
    texts = [
        (element.get("class"), element.text)
        for element in ET.fromstring(_PICTURE.read_text(encoding="utf-8")).iter()
        if element.tag.endswith("}text") and element.get("class") in {"n", "s"}
    ]
    assert [kind for kind, _ in texts] == ["n", "s"] * len(BatchState)
    shown = {name: below for (_, name), (_, below) in zip(texts[::2], texts[1::2], strict=True)}
    assert shown == {state.value: _shown(state) for state in BatchState}


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
def test_a_restored_ledger_stops_before_it_calls_or_overwrites(tmp_path: Path, endpoint: str) -> None:
    with running(_forgetful()) as phonon:
        trial = Trial(tmp_path, phonon, sqlite_url(tmp_path), endpoint=endpoint, contacts=20)
        trial.extract()
        backup = _back_up(trial)
        trial.trigger()
        trial.push()
        _restore(trial, backup)
        for step in (trial.extract, trial.trigger, trial.push):
            with pytest.raises(ForgetfulLedgerError):
                step("run-2")
        assert trial.statuses() == {"accepted": 20}
        assert phonon.summary()["accepted_calls"] == 20


def _forgetful() -> Settings:
    return Settings(bulk_repeat=BulkRepeat.FORGET)


def _back_up(trial: Trial) -> Path:
    path = trial.folder / "backup.db"
    with closing(sqlite3.connect(trial.ledger_url.database)) as ledger, closing(sqlite3.connect(path)) as copy:
        ledger.backup(copy)
    return path


def _restore(trial: Trial, backup: Path) -> None:
    ledger = Path(str(trial.ledger_url.database))
    for file in ledger.parent.glob(f"{ledger.name}*"):
        file.unlink()
    backup.rename(ledger)


def _shown(state: BatchState) -> str:
    return "holds no calls" if state in WITHOUT_CALLS else f"shown as {call_status(state, Past.FIRST)}"


@cache
def _functions(path: str) -> frozenset[str]:
    file = _PROJECT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def _is_test(path: str, name: str) -> bool:
    return name.startswith("test_") and name in _functions(path)


def _words_of_the_code() -> set[str]:
    """Names that the product's modules define, and texts of one word: settings, states, tasks, tables, columns."""
    return {word for path in (_PROJECT / "plugins" / "phonon").rglob("*.py") for word in _words(path)}


def _words(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _WORD.fullmatch(node.value):
            yield node.value


def _in_the_ledger(span: str) -> bool:
    """Whether it stands so in a statement to the ledger's database."""
    return f'"PRAGMA {span}"' in (_PROJECT / "plugins/phonon/ledger/store.py").read_text(encoding="utf-8")


def _assert_is_command(words: list[str]) -> None:
    command = get_command(app)
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, name
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options
