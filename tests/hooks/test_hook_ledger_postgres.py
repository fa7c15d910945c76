"""What the extra of a ledger's PostgreSQL connection may hold, and that it arrives."""

from __future__ import annotations

import json

import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook
from sqlalchemy import text

from phonon.errors import ConfigurationError, LedgerError
from phonon.hooks.ledger import open_ledger
from postgres_server import PostgresDatabase


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresDatabase) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_LEDGER", postgres_server.airflow_connection)


def _with_extra(monkeypatch: pytest.MonkeyPatch, database: PostgresDatabase, **extra: object) -> None:
    connection = {**json.loads(database.airflow_connection), "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_LEDGER", json.dumps(connection))


@pytest.mark.parametrize(
    ("extra", "shown"),
    [
        ({"application_name": "calls"}, ("application_name", "calls")),
        ({"options": "-c statement_timeout=90s"}, ("statement_timeout", "90s")),
        ({"target_session_attrs": "read-write", "connect_timeout": 5}, ("transaction_read_only", "off")),
        ({"keepalives": 1, "keepalives_idle": 30, "sslmode": "prefer"}, ("is_superuser", "on")),
        ({"cursor": "dictcursor"}, ("is_superuser", "on")),
        ({}, ("is_superuser", "on")),
    ],
)
def test_options_of_libpq_reach_the_server(
    monkeypatch: pytest.MonkeyPatch,
    postgres_server: PostgresDatabase,
    extra: dict[str, object],
    shown: tuple[str, str],
) -> None:
    _with_extra(monkeypatch, postgres_server, **extra)
    ledger = open_ledger()
    with ledger.transaction() as connection:
        assert connection.execute(text(f"SHOW {shown[0]}")).scalar_one() == shown[1]
    ledger.close()


def test_an_unwritable_server_is_passed_over_where_a_writable_one_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresDatabase
) -> None:
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET default_transaction_read_only = on")
    _with_extra(monkeypatch, postgres_server, target_session_attrs="read-write")
    with pytest.raises(LedgerError, match="read-only"):
        open_ledger()


@pytest.mark.parametrize(
    ("key", "near"), [("sslmodee", "Did you mean 'sslmode'?"), ("keepalive", "Did you mean 'keepalives'?")]
)
def test_a_key_that_nobody_knows_is_named(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresDatabase, key: str, near: str
) -> None:
    _with_extra(monkeypatch, postgres_server, **{key: "require"})
    with pytest.raises(ConfigurationError) as refused:
        open_ledger()
    first_line = str(refused.value).splitlines()[0]
    assert key in first_line
    assert near in first_line
    assert len(first_line) < 120


def test_every_connection_has_a_token_of_its_own_where_the_extra_says_iam(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresDatabase
) -> None:
    """Amazon itself cannot be asked here: what it would answer is the database's own user."""
    tokens = []

    def token(_hook: PostgresHook, connection: object) -> tuple[str, str, int]:
        tokens.append(connection)
        return postgres_server.user, "a token", postgres_server.port

    monkeypatch.setattr(PostgresHook, "get_iam_token", token)
    _with_extra(monkeypatch, postgres_server, iam=True, aws_conn_id="aws_of_ours")
    ledger = open_ledger()
    with ledger.transaction(), ledger.transaction(read_only=True):
        assert len(tokens) == 2
    ledger.close()


def test_a_token_that_cannot_be_had_is_an_error_of_the_ledger(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresDatabase
) -> None:
    def token(_hook: PostgresHook, _connection: object) -> tuple[str, str, int]:
        raise RuntimeError("no credentials")

    monkeypatch.setattr(PostgresHook, "get_iam_token", token)
    _with_extra(monkeypatch, postgres_server, iam=True)
    with pytest.raises(LedgerError, match=r"'phonon_ledger' could not be made(?s:.*)no credentials"):
        open_ledger()
