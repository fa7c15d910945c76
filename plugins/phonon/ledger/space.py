"""The room that the ledger takes on disk, and giving back what it does not use."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, text

from phonon.errors import ConfigurationError
from phonon.ledger.schema import batches, metadata
from phonon.ledger.states import BatchState
from phonon.ledger.store import Ledger

_PAGES = 2000
"""Of an SQLite file, given back in one transaction: 8 MB."""


def bytes_used(ledger: Ledger) -> int:
    """What the tables of the ledger take on disk, with their indexes and with room that is free."""
    with ledger.transaction(read_only=True) as connection:
        if connection.dialect.name == "sqlite":
            return _pragma(connection, "page_count") * _pragma(connection, "page_size")
        sizes = [
            connection.execute(select(func.pg_total_relation_size(table.name))).scalar_one()
            for table in metadata.tables.values()
        ]
    return int(sum(sizes))


def give_back(ledger: Ledger, *, whole: bool = False) -> None:
    """Give room that is free to the file system (SQLite) or to new rows (PostgreSQL), beside running senders.

    :param whole: write every table anew, which takes as much room again for a while and keeps senders waiting.

    Raises ConfigurationError for ``whole`` while calls are being sent.
    """
    if whole:
        _check_nothing_is_sent(ledger)
    with ledger.outside_transactions() as connection:
        if connection.dialect.name == "postgresql":
            options = "FULL, ANALYZE" if whole else "ANALYZE"
            for table in metadata.tables.values():
                connection.execute(text(f"VACUUM ({options}) {table.name}"))
            return
        if whole:
            connection.execute(text("VACUUM"))
    if not whole:
        _shorten_file(ledger)
    with ledger.outside_transactions() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def _shorten_file(ledger: Ledger) -> None:
    """Move the pages in use to the front, some at a time. A file that was not made for it stays as it is."""
    before = 0
    while True:
        with ledger.outside_transactions() as connection:
            # As a script, for only that goes on until it is done: otherwise the driver stops after one page.
            driver: Any = connection.connection.driver_connection
            driver.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
            left = _pragma(connection, "freelist_count")
        if left in {0, before}:
            return
        before = left


def _check_nothing_is_sent(ledger: Ledger) -> None:
    with ledger.transaction(read_only=True) as connection:
        is_sent = connection.execute(
            select(batches.c.id).where(batches.c.state == BatchState.SENDING).limit(1)
        ).first()
    if is_sent:
        raise ConfigurationError(
            "Calls are being sent, and their sender would have to wait until the whole ledger is written anew. "
            "Pause everything (Dag phonon_pause or phonon pause) and do it again."
        )


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
