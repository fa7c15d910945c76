from __future__ import annotations

import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL, insert, make_url, text

from phonon.errors import LedgerError
from phonon.ledger import store
from phonon.ledger.schema import intervals, meta
from phonon.ledger.store import Ledger
from postgres_server import PostgresDatabase
from trial import sqlite_url


def test_a_folder_that_is_missing_is_told_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"(?s)'phonon_ledger'.*unable to open database file"):
        Ledger(sqlite_url(tmp_path / "missing"))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a database, " * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger(sqlite_url(tmp_path))


def test_a_ledger_that_can_only_be_read_is_told(tmp_path: Path) -> None:
    Ledger(sqlite_url(tmp_path)).close()
    file = tmp_path / "ledger.db"
    read_only = URL.create("sqlite", database=f"file:{file}", query={"mode": "ro", "uri": "true"})
    with pytest.raises(LedgerError, match="readonly"):
        Ledger(read_only)


def test_a_ledger_that_stays_locked_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LOCK_WAIT_SECONDS", 0.1)
    ledger = Ledger(sqlite_url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked") as told, ledger.transaction():
            pass
    assert str(told.value).startswith("End what holds the ledger's file: another program (a shell, a backup)")
    ledger.close()


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    url = URL.create("postgresql+psycopg", "me", "pass-word", query={"host": str(tmp_path)}, database="x")
    with pytest.raises(LedgerError) as caught:
        Ledger(url)
    assert "pass-word" not in "".join(traceback.format_exception(caught.value))
    assert "***" in str(caught.value)


def test_an_error_of_the_database_hides_the_values_of_the_statement(ledger: Ledger) -> None:
    values = {"campaign": "919999912345", "interval_key": "secret" * 10}
    with pytest.raises(LedgerError) as caught, ledger.transaction() as connection:
        connection.execute(insert(intervals), [values, values])
    shown = "".join(traceback.format_exception(caught.value))
    assert "919999912345" not in shown
    assert "secretsecret" not in shown


def test_a_connection_that_was_ended_by_the_server_is_replaced(postgres_server: PostgresDatabase) -> None:
    ledger = Ledger(make_url(postgres_server.url))
    postgres_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with ledger.transaction() as connection:
        assert ledger.now(connection) > 0
    ledger.close()


def test_what_fails_in_a_transaction_leaves_nothing_behind(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(ledger)
    with ledger.transaction() as connection:
        assert connection.execute(meta.select().where(meta.c.name == "half")).all() == []


def _write_and_fail(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        connection.execute(insert(meta).values(name="half", value="done"))
        raise ZeroDivisionError


_DELETE = "DELETE FROM phonon_ledger_meta"


@pytest.mark.parametrize(
    ("setting", "statement", "remedy"),
    [
        ("statement_timeout = 50", "SELECT pg_sleep(5)", "Raise the time limits of the ledger's role"),
        ("lock_timeout = 50", "LOCK TABLE phonon_ledger_meta", "Raise the time limits of the ledger's role"),
        ("transaction_read_only = on", _DELETE, "Point the connection 'mine' at the primary server"),
        ("role = pg_read_all_data", _DELETE, "Let the user of the connection 'mine' create and write"),
    ],
)
def test_what_postgres_reports_has_the_remedy_that_fits_it(
    postgres_server: PostgresDatabase, setting: str, statement: str, remedy: str
) -> None:
    ledger = Ledger(make_url(postgres_server.url), conn_id="mine")

    def fail() -> None:
        with ledger.transaction() as connection:
            connection.execute(text(f"SET LOCAL {setting}"))
            connection.execute(text(statement))

    with ledger.transaction() as other:
        if statement.startswith("LOCK"):
            other.execute(text(statement))
        with pytest.raises(LedgerError) as told:
            fail()
    first, _, second = str(told.value).partition("\n")
    assert first.startswith(remedy)
    assert len(first) < 120
    assert second.startswith("The ledger at postgresql")
    ledger.close()


def test_a_remedy_names_the_connection_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a database, " * 100)
    with pytest.raises(LedgerError, match=r"^Check the connection 'mine': the file that it names is no SQLite"):
        Ledger(sqlite_url(tmp_path), conn_id="mine")
