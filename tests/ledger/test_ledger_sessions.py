"""What a ledger asks of PostgreSQL for itself, whatever the server, the database or the role is set up to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import make_url, text

from phonon.ledger.space import give_back
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


def test_no_statement_is_left_prepared_in_a_session(postgres_server: PostgresDatabase) -> None:
    ledger = Ledger(make_url(postgres_server.url))
    with ledger.transaction() as connection:
        for _ in range(20):
            connection.execute(text("SELECT count(*) FROM phonon_ledger_version"))
        prepared = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
    ledger.close()
    assert prepared == 0


def test_commits_are_durable_through_a_pooler_also_where_the_server_is_set_up_to_be_quick(
    postgres_server: PostgresDatabase, pgbouncer: PostgresDatabase
) -> None:
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET synchronous_commit = off")
    ledger = Ledger(make_url(pgbouncer.url))
    with ledger.transaction() as first, ledger.transaction() as second:  # each on a session of its own
        shown = [
            connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() for connection in (first, second)
        ]
    ledger.close()
    assert shown == ["on", "on"]
    assert pgbouncer.execute("SHOW synchronous_commit") == [("off",)]


def test_many_senders_share_the_few_sessions_of_a_pooler(pgbouncer: PostgresDatabase) -> None:
    ledgers = [Ledger(make_url(pgbouncer.url)) for _ in range(3)]

    def ask(ledger: Ledger) -> int:
        for _ in range(50):
            with ledger.transaction() as connection:
                count: int = connection.execute(text("SELECT count(*) FROM phonon_ledger_version")).scalar_one()
        return count

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, ledgers * 2)) == {1}
    for ledger in ledgers:
        give_back(ledger)  # VACUUM, which no transaction may hold
        ledger.close()
