"""Bringing a ledger's schema to the version this code needs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from phonon.errors import LedgerError
from phonon.ledger.schema import PREFIX

VERSION = "0013"
"""Of the schema: the newest of ``migrations/versions``."""
_LOCK = 0x70686F6E6F6E
"""Key of PostgreSQL's advisory lock for migrations: "phonon"."""


def migrate(connection: Connection) -> None:
    """Bring the schema up to date inside the open transaction; does nothing when it is.

    Raises LedgerError when the ledger was written by newer code, which this code could misread.
    """
    if _version(connection) == VERSION:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    found = _version(connection)
    if found != VERSION:
        _upgrade(connection, found)


def _upgrade(connection: Connection, found: str | None) -> None:
    # Imported here: it takes every task a while, and a ledger is upgraded once.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, VERSION)
    except CommandError as error:
        raise LedgerError(
            f"The ledger has schema version {found}, which this version of the project does not know (it knows up "
            f"to {VERSION}). It was written by a newer version: upgrade this installation."
        ) from error


def _version(connection: Connection) -> str | None:
    table = f"{PREFIX}version"
    if not inspect(connection).has_table(table):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 - a constant
    return found
