"""What a commit of the ledger is worth: after a power cut, what was sent must still be known."""

from __future__ import annotations

import pytest

from phonon.ledger.store import Ledger

_FULL = 2


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_commit_of_an_sqlite_ledger_is_on_the_disk(ledger: Ledger, read_only: bool) -> None:
    with ledger.transaction(read_only=read_only) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == _FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
