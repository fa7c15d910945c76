"""What .env.example offers, and that nothing secret has a default."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet

from phonon.api.endpoints import Endpoint
from phonon.api.verdict import Kind
from phonon.hooks.phonon import OutboundCall, PhononHook
from simulator.running import running

_Services = Mapping[str, Mapping[str, Any]]

_VARIABLE = re.compile(r"\$\{(\w+)(:[?-])?([^}]*)\}")
_SECRET = re.compile(r"PASSWORD|SECRET|KEY|CONN")
_STAND_IN = re.compile(r"^# AIRFLOW_CONN_PHONON_DEFAULT='(.*simulator.*)'$", re.MULTILINE)
_SHELL_BLOCK = re.compile(r"```sh\n(cp \.env\.example .*?)```", re.DOTALL)


def test_nothing_secret_has_a_default(compose_text: str) -> None:
    secrets = {name for name, _, _ in _VARIABLE.findall(compose_text) if _SECRET.search(name)}
    demanded = {name for name, operator, _ in _VARIABLE.findall(compose_text) if operator == ":?"}
    defaulted = {name for name, operator, _ in _VARIABLE.findall(compose_text) if operator == ":-"}
    assert secrets
    assert secrets - demanded == set()
    assert secrets & defaulted == set()


def test_the_example_has_every_variable_that_compose_reads_and_no_other(
    compose_text: str, example: Mapping[str, str]
) -> None:
    assert {name for name, _, _ in _VARIABLE.findall(compose_text)} == set(example)


def test_the_example_shows_the_defaults_that_compose_has(compose_text: str, example: Mapping[str, str]) -> None:
    defaults = {name: value for name, operator, value in _VARIABLE.findall(compose_text) if operator == ":-"}
    assert defaults
    assert {name: example[name] for name in defaults} == defaults


def test_the_example_holds_no_secret(example: Mapping[str, str]) -> None:
    filled = {name for name, value in example.items() if _SECRET.search(name) and value}
    assert filled == {"AIRFLOW_CONN_PHONON_LEDGER"}
    assert urlsplit(example["AIRFLOW_CONN_PHONON_LEDGER"]).password == "${PHONON_LEDGER_PASSWORD}"


def test_the_example_ledger_is_the_database_that_compose_makes(
    project: Path, services: _Services, example: Mapping[str, str]
) -> None:
    url = urlsplit(example["AIRFLOW_CONN_PHONON_LEDGER"])
    assert (url.scheme, url.username, url.path) == ("postgres", "phonon_ledger", "/phonon_ledger")
    assert url.hostname in services
    assert "'phonon_ledger'" in (project / "docker" / "databases.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_the_example_connection_of_the_stand_in_leads_a_call_to_it(
    endpoint: Endpoint, example_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = _STAND_IN.findall(example_text)[0]
    with running() as phonon:
        monkeypatch.setenv("AIRFLOW_CONN_PHONON_DEFAULT", written.replace("http://simulator:8088", phonon.url))
        call = OutboundCall(client_identifier="one", contact_numbers=["919999900001"])
        result = PhononHook().create_calls(flow_id="wruHzoCK", calls=[call], endpoint=endpoint)
        assert result.verdict.kind is Kind.ACCEPTED
        assert [accepted.client_identifier for accepted in phonon.accepted()] == ["one"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_documented_commands_fill_in_every_generated_secret(
    project: Path, tmp_path: Path, example: Mapping[str, str]
) -> None:
    block = _SHELL_BLOCK.findall((project / "docs" / "deployment.md").read_text(encoding="utf-8"))[0]
    shutil.copy(project / ".env.example", tmp_path)
    subprocess.run(["/bin/sh", "-euc", block], cwd=tmp_path, check=True)
    lines = (tmp_path / ".env").read_text(encoding="utf-8").splitlines()
    filled = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    assert {name for name, value in filled.items() if not value} == {
        "AIRFLOW_CONN_PHONON_DEFAULT",
        "AIRFLOW_CONN_WAREHOUSE",
    }
    generated = [value for name, value in filled.items() if not example[name] and value]
    assert len(set(generated)) == len(generated)
    Fernet(filled["AIRFLOW__CORE__FERNET_KEY"])
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
