"""Connections that are missing, malformed or unreachable: one clear error before anything is sent, nothing lost."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from closed_port import closed_port
from operators.desk import PEOPLE, SECURITY_ID, Desk, leaked
from phonon.errors import ConfigurationError
from phonon.hooks.ledger import open_ledger
from phonon.hooks.warehouse import warehouse_of
from phonon.operators.context import PhononTaskError


@dataclass(frozen=True)
class Case:
    """What is broken, what kind of error that is, and parts of its text."""

    name: str
    break_it: Callable[[Desk], None]
    parts: tuple[str, ...]
    error: type[AirflowException] = AirflowFailException


def _set_executor(executor: str, desk: Desk) -> None:
    desk.environment.setenv("AIRFLOW__CORE__EXECUTOR", executor)


PHONON = [
    Case(
        "no connection",
        lambda desk: desk.disconnect("phonon_default"),
        ("no connection 'phonon_default' for Phonon", "Admin > Connections", "AIRFLOW_CONN_PHONON_DEFAULT"),
    ),
    Case(
        "unreadable",
        lambda desk: desk.environment.setenv("AIRFLOW_CONN_PHONON_DEFAULT", '{"password": "hunter2"'),
        ("'phonon_default' of Phonon cannot be read", "AIRFLOW_CONN_PHONON_DEFAULT", "JSON"),
    ),
    Case(
        "wrong type",
        lambda desk: desk.connect("phonon_default", conn_type="http", password=SECURITY_ID),
        ("'phonon_default' has the type 'http'", "of type 'phonon'"),
    ),
    Case(
        "no password",
        lambda desk: desk.connect_phonon(None),
        ("'phonon_default' has no password", "security-id of the flow's edit page"),
    ),
    Case(
        "short password",
        lambda desk: desk.connect_phonon("Yx87" * 4),
        ("'phonon_default'", "64 letters and digits", "has 16 characters", "Copy it from"),
    ),
    Case(
        "misspelt key",
        lambda desk: desk.connect_phonon(bulk_ulr="https://phonon.example.com/create"),
        ("'phonon_default'", "unknown keys in its extra: bulk_ulr", "Did you mean 'bulk_url'?"),
    ),
    Case(
        "extra is not JSON",
        lambda desk: desk.connect(
            "phonon_default", conn_type="phonon", password=SECURITY_ID, extra="proxy=http://u:hunter2@p"
        ),
        ("'phonon_default'", "extra is not a JSON object", "leave it empty"),
    ),
    Case(
        "extra is a list",
        lambda desk: desk.connect("phonon_default", conn_type="phonon", password=SECURITY_ID, extra=["bulk_url"]),
        ("'phonon_default'", "extra is not a JSON object"),
    ),
    Case(
        "plain http to another machine",
        lambda desk: desk.connect_phonon(bulk_url="http://phonon.example.com/create"),
        ("'phonon_default'", "bulk_url", "https://", "127.0.0.1"),
    ),
    Case(
        "no verification",
        lambda desk: desk.connect_phonon(verify=False),
        ("'phonon_default'", "verify", "path of a CA bundle", "never false"),
    ),
]

WAREHOUSE = [
    Case(
        "no connection",
        lambda desk: desk.disconnect("warehouse"),
        ("no connection 'warehouse' for the warehouse", "Admin > Connections", "AIRFLOW_CONN_WAREHOUSE", "duckdb"),
    ),
    Case(
        "unreadable",
        lambda desk: desk.environment.setenv("AIRFLOW_CONN_WAREHOUSE", '{"conn_type": "duckdb",}'),
        ("'warehouse' of the warehouse cannot be read", "AIRFLOW_CONN_WAREHOUSE"),
    ),
    Case(
        "unknown type",
        lambda desk: desk.connect("warehouse", conn_type="oracel", host="db", password="hunter2"),
        ("'warehouse' has the type 'oracel'", "Install its provider, or correct the type"),
    ),
    Case(
        "not a database",
        lambda desk: desk.connect("warehouse", conn_type="http", host="db", password="hunter2"),
        ("'warehouse'", "type http is not a database"),
    ),
    Case(
        "extra is not JSON",
        lambda desk: desk.connect("warehouse", conn_type="postgres", host="db", extra="sslmode=hunter2"),
        ("'warehouse'", "extra is not a JSON object"),
    ),
    Case(
        "DuckDB without a file",
        lambda desk: desk.connect("warehouse", conn_type="duckdb"),
        ("'warehouse' names no DuckDB file", "path of the file into its host"),
    ),
    Case(
        "DuckDB in memory",
        lambda desk: desk.connect("warehouse", conn_type="duckdb", host=":memory:shared"),
        ("'warehouse' names no DuckDB file", "path of the file into its host"),
    ),
    Case(
        "DuckDB URI without a slash for the path",
        lambda desk: desk.environment.setenv("AIRFLOW_CONN_WAREHOUSE", "duckdb:///warehouse.duckdb"),
        ("'warehouse' names no DuckDB file", "path of the file into its host"),
    ),
    Case(
        "DuckDB in a missing folder",
        lambda desk: desk.connect(
            "warehouse", conn_type="duckdb", host=str(desk.folder / "missing" / "warehouse.duckdb")
        ),
        ("'warehouse' cannot be opened", "missing/warehouse.duckdb", "Check the Airflow connection"),
        PhononTaskError,
    ),
]

LEDGER = [
    Case(
        "unreadable",
        lambda desk: desk.environment.setenv("AIRFLOW_CONN_PHONON_LEDGER", "{postgres}"),
        ("'phonon_ledger' of the ledger cannot be read", "AIRFLOW_CONN_PHONON_LEDGER"),
    ),
    Case(
        "another database",
        lambda desk: desk.connect("phonon_ledger", conn_type="mysql", host="db", password="hunter2"),
        ("'phonon_ledger' has the type 'mysql'", "sqlite or postgres"),
    ),
    Case(
        "SQLite without a file",
        lambda desk: desk.connect("phonon_ledger", conn_type="sqlite"),
        ("'phonon_ledger' names no file", "into its host"),
    ),
    Case(
        "SQLite in memory",
        lambda desk: desk.connect("phonon_ledger", conn_type="sqlite", host=":memory:"),
        ("'phonon_ledger' names no file", "into its host"),
    ),
    Case(
        "SQLite in a missing folder",
        lambda desk: desk.connect("phonon_ledger", conn_type="sqlite", host=str(desk.folder / "missing" / "l.db")),
        ("'phonon_ledger'", "no folder", "missing", "Create it"),
    ),
    Case(
        "not a database's file",
        lambda desk: desk.connect("phonon_ledger", conn_type="sqlite", host=_text_file(desk)),
        ("ledger at", "ledger.txt failed", "not a database", "Check the connection"),
        PhononTaskError,
    ),
    Case(
        "PostgreSQL whose extra is not JSON",
        lambda desk: desk.connect("phonon_ledger", conn_type="postgres", host="db", extra="sslmode=require"),
        ("'phonon_ledger'", "extra is not a JSON object"),
    ),
    *(
        Case(
            f"SQLite with {executor}",
            partial(_set_executor, executor),
            ("'phonon_ledger'", "SQLite", executor.lower(), "more than one machine", "PostgreSQL"),
        )
        for executor in ("CeleryExecutor", "KubernetesExecutor", "LocalExecutor,CeleryExecutor")
    ),
]


NOT_INSTALLED = [
    ("warehouse", "duckdb", "airflow.providers.duckdb.hooks.duckdb", "duckdb"),
    ("warehouse", "duckdb", "duckdb", "duckdb"),
    ("warehouse", "duckdb", "pyarrow", "duckdb"),
    ("phonon_ledger", "postgres", "psycopg", "postgres"),
]


@pytest.mark.parametrize(("conn_id", "conn_type", "module", "extra"), NOT_INSTALLED)
def test_a_package_that_is_not_installed_is_one_sentence_that_names_the_extra(
    desk: Desk, conn_id: str, conn_type: str, module: str, extra: str
) -> None:
    desk.connect(conn_id, conn_type=conn_type, host=str(desk.warehouse_file), schema="s", login="u")
    for name in [name for name in sys.modules if name.startswith("phonon.warehouse.duckdb")]:
        desk.environment.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        desk.environment.setitem(sys.modules, name, None)
    desk.environment.setitem(sys.modules, module, None)
    open_it = open_ledger if conn_id == "phonon_ledger" else warehouse_of
    with pytest.raises(ConfigurationError) as told:
        open_it(conn_id)
    first, _, second = str(told.value).partition("\n")
    assert first.startswith(f"Install airflow-provider-phonon[{extra}] on the workers: connection {conn_id!r} of ")
    assert "is not installed here." in second
    assert len(first) < 120
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert extra in extras["optional-dependencies"]


def _text_file(desk: Desk) -> str:
    file = desk.folder / "ledger.txt"
    file.write_text("not a ledger, but long enough to be taken for one " * 100, encoding="utf-8")
    return str(file)


ROOMS = {"phonon": PHONON, "warehouse": WAREHOUSE, "ledger": LEDGER}


def _told(case: Case, step: Callable[[], object]) -> str:
    """The one text that a step fails with, which is checked."""
    with pytest.raises(AirflowException) as told:
        step()
    assert type(told.value) is case.error
    assert [part for part in case.parts if part not in str(told.value)] == []
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    return str(told.value)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{room}: {case.name}") for room, cases in ROOMS.items() for case in cases]
)
def test_a_bad_connection_is_one_clear_error_without_a_secret(
    desk: Desk, case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    case.break_it(desk)
    assert leaked(_told(case, desk.extract), caplog.text, *capfd.readouterr()) == []
    assert desk.phonon.summary()["requests"] == 0


@pytest.mark.parametrize("room", ROOMS)
def test_whatever_was_wrong_with_a_connection_nothing_was_sent_and_nothing_is_lost(
    desk: Desk, room: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    for case in ROOMS[room]:
        case.break_it(desk)
        assert leaked(_told(case, desk.outbound), caplog.text, *capfd.readouterr()) == []
        desk.mend()
    assert desk.phonon.summary()["requests"] == 0
    desk.assert_everybody_is_called_once()


@pytest.mark.parametrize(
    ("conn_id", "parts"),
    [
        ("warehouse", ("'warehouse' cannot be opened", "refused", "Check the Airflow connection")),
        ("phonon_ledger", ("The ledger at postgresql", "refused", "Check the connection", "the database is up")),
    ],
)
def test_a_postgres_that_is_down_is_tried_again(desk: Desk, conn_id: str, parts: tuple[str, ...]) -> None:
    with closed_port() as port:
        desk.connect(
            conn_id, conn_type="postgres", host="127.0.0.1", port=port, login="u", password="hunter2", schema="s"
        )
        with pytest.raises(PhononTaskError) as told:
            desk.outbound()
    assert [part for part in parts if part not in str(told.value)] == []
    assert leaked(told.value) == []
    assert desk.phonon.summary()["requests"] == 0
    desk.mend()
    desk.assert_everybody_is_called_once()


def test_the_error_shown_is_the_first_one_although_the_results_cannot_be_pushed_either(desk: Desk) -> None:
    desk.connect_phonon(None)
    desk.disconnect("warehouse")
    with pytest.raises(AirflowFailException, match="has no password"):
        desk.outbound()


def test_a_duckdb_file_may_be_named_by_a_uri(desk: Desk) -> None:
    desk.environment.setenv("AIRFLOW_CONN_WAREHOUSE", f"duckdb:///{desk.warehouse_file}")
    assert desk.outbound()["by_status"] == {"accepted": PEOPLE}


def test_without_a_connection_the_ledger_is_a_file_in_airflow_home(desk: Desk) -> None:
    desk.disconnect("phonon_ledger")
    desk.environment.setenv("AIRFLOW_HOME", str(desk.folder))
    assert desk.outbound()["by_status"] == {"accepted": PEOPLE}
    assert (desk.folder / "phonon_ledger.db").is_file()


def test_without_a_connection_of_another_name_there_is_no_ledger(desk: Desk) -> None:
    with pytest.raises(AirflowFailException, match=r"no connection 'other_ledger' for the ledger"):
        desk.outbound(ledger_conn_id="other_ledger")


def test_a_secrets_backend_that_gives_no_ledger_is_not_taken_for_none(desk: Desk) -> None:
    desk.disconnect("phonon_ledger")
    desk.environment.setenv("AIRFLOW_HOME", str(desk.folder))
    desk.environment.setenv("AIRFLOW__SECRETS__BACKEND", "airflow.secrets.local_filesystem.LocalFilesystemBackend")
    with pytest.raises(AirflowFailException, match=r"(?s)'phonon_ledger'.*secrets backend.*must be there"):
        desk.outbound()
    assert not (desk.folder / "phonon_ledger.db").exists()
