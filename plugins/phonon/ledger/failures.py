"""What the ledger's database reports, as our error: the cause in words, and the remedy that fits it."""

from __future__ import annotations

from phonon.errors import LedgerError
from phonon.redaction import masked

_SQLITE = {
    "SQLITE_BUSY": "End what holds the ledger's file: another program (a shell, a backup) has kept it locked.",
    "SQLITE_READONLY": "Let this worker's user write to the ledger's file and its folder.",
    "SQLITE_FULL": "Make room: the disk of the ledger's file is full.",
    "SQLITE_NOTADB": "Check the connection {conn_id!r}: the file that it names is no SQLite database.",
    "SQLITE_CORRUPT": "Put a backup in place, as docs/ledger-restore.md says: the ledger's file is damaged.",
    "SQLITE_CANTOPEN": "Check the connection {conn_id!r}: the file that it names cannot be opened.",
    "SQLITE_IOERR": "Look at the disk of the ledger's file: it cannot be read or written.",
}
"""Remedies by the beginning of SQLite's name for an error."""

_TIMED_OUT = "Raise the time limits of the ledger's role: the server ended {what}."
_POSTGRES = {
    "57014": _TIMED_OUT.format(what="a statement (statement_timeout, or somebody cancelled it)"),
    "55P03": _TIMED_OUT.format(what="a wait for a lock that another program holds"),
    "25P03": _TIMED_OUT.format(what="an idle transaction (idle_in_transaction_session_timeout)"),
    "25P04": _TIMED_OUT.format(what="a long transaction (transaction_timeout)"),
    "40P01": "Try again: the server ended one of two transactions that waited for each other.",
    "53100": "Make room: the disk of the ledger's database server is full.",
    "53200": "Give the ledger's database server more memory.",
    "53300": "Allow more connections to the ledger's database, or use a pooler: all are taken.",
    "25006": "Point the connection {conn_id!r} at the primary server: this one can only be read.",
    "42501": "Let the user of the connection {conn_id!r} create and write tables in the ledger's database.",
    "3D000": "Check the connection {conn_id!r}: the server has no database of that name.",
    "28": "Check login and password of the connection {conn_id!r}: the server does not let it in.",
    "57P": "Wait until the ledger's database server is up: it is being stopped or started.",
}
"""Remedies by the beginning of PostgreSQL's SQLSTATE, the longest that fits."""

_USUAL = "Check the connection {conn_id!r}, and that the database is up, writable and has space."


def ledger_error(error: BaseException, *, place: str, conn_id: str) -> LedgerError:
    """Make the error to raise for what the driver or SQLAlchemy reports; without the statement's parameters.

    :param place: where the ledger is, without a password.
    :param conn_id: the Airflow connection that names it.
    """
    said = str(error).strip().splitlines()
    told = masked(said[0]) if said else type(error).__name__
    return LedgerError(f"{_remedy(error).format(conn_id=conn_id)}\nThe ledger at {place} failed: {told}.")


def _remedy(error: BaseException) -> str:
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        return next((remedy for start, remedy in _SQLITE.items() if name.startswith(start)), _USUAL)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return next((_POSTGRES[state[:length]] for length in (5, 3, 2) if state[:length] in _POSTGRES), _USUAL)
    return _USUAL
