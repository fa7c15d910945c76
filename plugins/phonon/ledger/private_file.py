"""The SQLite ledger's file holds phone numbers: only its owner may read it."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger(__name__)

_PRIVATE = 0o600
_BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a database. It gives a new one of these the permissions of the database itself."""


def keep_private(database: Path) -> None:
    """Make the file readable by its owner alone, before SQLite opens it, and with it what lies beside it.

    A file that was open to others is closed, and the log says so. One that belongs to somebody else cannot be
    closed from here: the log says who has to.
    """
    with suppress(OSError):  # what keeps the file from being made, SQLite reports when it opens it
        os.close(os.open(database, os.O_CREAT | os.O_RDWR, _PRIVATE))
    for suffix in _BESIDE:
        _close_to_others(database.with_name(database.name + suffix))


def _close_to_others(file: Path) -> None:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        if not mode & ~_PRIVATE:
            return
        file.chmod(_PRIVATE)
    except FileNotFoundError:
        return  # not there, or removed by SQLite meanwhile
    except PermissionError:
        _log.warning(
            "Have its owner run: chmod 600 %s. It holds phone numbers, others may read it, and it belongs to "
            "another user of this machine",
            file,
        )
        return
    _log.warning("%s was open to other users of this machine (mode %03o); it is closed now (600)", file, mode)
