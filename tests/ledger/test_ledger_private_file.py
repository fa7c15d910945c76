"""The SQLite ledger holds phone numbers, and so nobody but its owner may read it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from phonon.ledger.schema import meta
from phonon.ledger.store import Ledger
from trial import sqlite_url


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _written_to(url: URL) -> Iterator[dict[str, str]]:
    """Open a ledger and write, so that everything SQLite keeps beside it is there; the modes of all files."""
    ledger = Ledger(url)
    try:
        with ledger.transaction() as connection:
            connection.execute(meta.insert().values(name="a", value="b"))
        folder = Path(str(url.database)).parent
        yield {file.name: f"{file.stat().st_mode & 0o777:o}" for file in folder.iterdir() if "ledger" in file.name}
    finally:
        ledger.close()


def _name(url: URL) -> str:
    return Path(str(url.database)).name


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_new_ledger_is_its_owners_alone(tmp_path: Path, mask: int) -> None:
    url = sqlite_url(tmp_path)
    name = _name(url)
    with _umask(mask), _written_to(url) as modes:
        assert modes == {name: "600", f"{name}-wal": "600", f"{name}-shm": "600"}


def test_a_ledger_found_open_is_closed_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = sqlite_url(tmp_path)
    name = _name(url)
    first = Ledger(url)
    with first.transaction() as connection:
        connection.execute(meta.insert().values(name="kept", value="open"))
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    with caplog.at_level(logging.WARNING), _written_to(url) as modes:
        assert modes == {name: "600", f"{name}-wal": "600", f"{name}-shm": "600"}
    first.close()
    assert f"{url.database} was open to other users of this machine (mode 644)" in caplog.text


def test_a_ledger_that_is_private_is_opened_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = sqlite_url(tmp_path)
    Ledger(url).close()
    with caplog.at_level(logging.WARNING):
        Ledger(url).close()
    assert caplog.text == ""
