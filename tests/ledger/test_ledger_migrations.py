from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, inspect, text

from phonon.errors import LedgerError
from phonon.ledger import migrations
from phonon.ledger.migration import VERSION
from phonon.ledger.schema import PREFIX, metadata
from phonon.ledger.store import Ledger


def test_the_migrated_schema_is_the_one_the_code_works_with(ledger: Ledger, ledger_url: URL) -> None:
    with ledger.transaction() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": f"{PREFIX}version", "compare_type": True}
        )
        differences = compare_metadata(context, metadata)
    if ledger_url.get_backend_name() == "sqlite":  # where some foreign keys stay, at which it never looks
        differences = [each for each in differences if each[0] != "remove_fk"]
    assert differences == []


def test_the_version_is_that_of_the_newest_migration() -> None:
    [folder] = migrations.__path__
    assert ScriptDirectory(folder).get_current_head() == VERSION


def test_every_table_carries_the_prefix(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        tables = inspect(connection).get_table_names()
    assert len(tables) == len(metadata.tables) + 1
    assert all(table.startswith(PREFIX) for table in tables)


def test_opening_a_ledger_again_changes_nothing(ledger: Ledger, ledger_url: URL) -> None:
    again = Ledger(ledger_url)
    assert again.number_hash("919999900001") == ledger.number_hash("919999900001")
    assert again.account("secret") == ledger.account("secret")
    again.close()


def test_many_that_open_an_empty_ledger_at_once_share_one_hash_key(ledger_url: URL) -> None:
    gate = Barrier(6)

    def open_it(_: int) -> int:
        gate.wait()
        opened = Ledger(ledger_url)
        try:
            return opened.number_hash("919999900001")
        finally:
            opened.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(open_it, range(6)))) == 1


def test_a_ledger_written_by_newer_code_is_refused_with_the_cure(ledger: Ledger, ledger_url: URL) -> None:
    with ledger.transaction() as connection:
        connection.execute(text(f"UPDATE {PREFIX}version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"schema version 9999.*upgrade this installation"):
        Ledger(ledger_url)
