"""What a database reports, as our errors: its own words, without the rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from phonon.errors import PhononError, WarehouseError
from phonon.redaction import masked

_MOST_LINES = 3
_MOST_CHARACTERS = 500

# What follows these repeats the statement or the row that was refused.
_REPEATS = re.compile(r"\n\s*(?:LINE \d+:|DETAIL:|CONTEXT:|QUERY:|\[SQL:|\[parameters:).*", re.DOTALL)
_QUOTED = re.compile(r"([\"']).*\1", re.DOTALL)
_NUMBER = re.compile(r"\b\d[\d.]*")
_TOKEN = re.compile(r"(motherduck_token=)[^&\s'\"]+")

# Classes of PEP 249, and DuckDB's own, whose messages name the value that was refused.
_NAMING_VALUES = {"DataError", "IntegrityError", "InvalidInputException"}
# SQLSTATE classes: 22 data exception, P0 raised by the database's own code.
_SQLSTATES_NAMING_VALUES = ("22", "P0")


_REMEDIES = {
    "57014": "Raise the statement_timeout of its user, or make the query faster: the server ended the statement.",
    "55P03": "Raise the lock_timeout of its user, or end what has locked the table.",
    "40P01": "It is tried again: two transactions waited for each other.",
    "53100": "Make room: the disk of the database server is full.",
    "53300": "Allow more connections to the database: all are taken.",
    "25006": "Point the connection at the primary server: this one can only be read.",
    "57P01": "It is tried again: the database server was stopped.",
}
"""What to do, by PostgreSQL's SQLSTATE, where that is known better than by what was being done."""


class WrongTableError(WarehouseError):
    """A table that is there cannot take what is written to it; the text names the column and the cure."""


class QueryError(WarehouseError):
    """The database does not understand a statement, or something that it names is not there."""


@contextmanager
def reported(conn_id: str, action: str, cure: str) -> Iterator[None]:
    """Turn a driver's error into a WarehouseError; every other error passes.

    The driver's error is not kept as the cause, because tracebacks are logged with their causes.

    :param action: what was being done, to what: "reading the contacts".
    :param cure: a sentence that says what to look at.
    """
    try:
        yield
    except Exception as error:
        if not _is_of_a_driver(error):
            raise
        kind = QueryError if _is_wrong_statement(error) else WarehouseError
        remedy = _REMEDIES.get(str(_sqlstate(error)), cure)
        raise kind(f"The warehouse {conn_id!r} failed while {action}: {database_message(error)} {remedy}") from None


@contextmanager
def opening(conn_id: str) -> Iterator[None]:
    """Turn whatever prevents a connection from being opened into a WarehouseError; our own errors pass.

    No row is involved yet, so the message is quoted as it is, addresses and ports included.
    """
    try:
        yield
    except PhononError:
        raise
    except Exception as error:  # noqa: BLE001 - Airflow, the hook, a missing library and the driver all have their own
        raise WarehouseError(
            f"The warehouse {conn_id!r} cannot be opened: {_sentence(str(error) or type(error).__name__)} Check "
            "the Airflow connection of that name, and that the database is there and lets its user in."
        ) from None


def database_message(error: Exception) -> str:
    """What the database said, as one sentence without values of rows and without the statement."""
    diagnosis: Any = getattr(error, "diag", None)
    primary: str | None = getattr(diagnosis, "message_primary", None)
    hint: str | None = getattr(diagnosis, "message_hint", None)
    said = "\n".join(part for part in (primary, hint) if part) or str(error) or type(error).__name__
    said = _REPEATS.sub("", said)
    if _names_values(error):
        said = _NUMBER.sub("…", _QUOTED.sub(r"\1…\1", said).strip().split("\n", 1)[0])
    return _sentence(masked(said, stars=lambda _: "…"))


def _is_of_a_driver(error: Exception) -> bool:
    """PEP 249: whatever the driver, its errors descend from a class of that name."""
    return any(ancestor.__name__ in {"Error", "DatabaseError"} for ancestor in type(error).__mro__)


def _is_wrong_statement(error: Exception) -> bool:
    return any(ancestor.__name__ == "ProgrammingError" for ancestor in type(error).__mro__)


def _sqlstate(error: Exception) -> object:
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


def _names_values(error: Exception) -> bool:
    sqlstate = _sqlstate(error)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(_SQLSTATES_NAMING_VALUES)
    return any(ancestor.__name__ in _NAMING_VALUES for ancestor in type(error).__mro__)


def _sentence(text: str) -> str:
    lines = [line.strip() for line in _TOKEN.sub(r"\1…", text).splitlines() if line.strip()]
    sentence = " ".join(lines[:_MOST_LINES])[:_MOST_CHARACTERS]
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
