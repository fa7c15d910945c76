"""What a ledger asks of PostgreSQL for itself, whatever the server, the database or the role is set up to do."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url, text

from phonon.ledger.store import Ledger
from postgres_server import PostgresDatabase


def _shown(database: PostgresDatabase, name: str) -> str:
    ledger = Ledger(make_url(database.url))
    try:
        with ledger.transaction() as connection:
            return str(connection.execute(text(f"SHOW {name}")).scalar_one())
    finally:
        ledger.close()


def test_what_is_committed_survives_a_crash_also_where_the_server_is_set_up_to_be_quick(
    postgres_server: PostgresDatabase,
) -> None:
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET synchronous_commit = off")
    assert _shown(postgres_server, "synchronous_commit") == "on"


@pytest.mark.parametrize("stronger", ["remote_apply", "local"])
def test_another_durable_setting_is_left_alone(postgres_server: PostgresDatabase, stronger: str) -> None:
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET synchronous_commit = {stronger}")
    assert _shown(postgres_server, "synchronous_commit") == stronger


def test_a_sender_always_reads_the_budget_as_it_is(postgres_server: PostgresDatabase) -> None:
    postgres_server.execute(
        f"ALTER DATABASE {postgres_server.name} SET default_transaction_isolation = 'repeatable read'"
    )
    assert _shown(postgres_server, "transaction_isolation") == "read committed"
