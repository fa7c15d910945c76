"""Finding the ledger outside a task: by the same Airflow connection, looked up as Airflow's own commands do."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from phonon.errors import ConfigurationError
from phonon.hooks.connections import MissingConnectionError, connection_of
from phonon.hooks.ledger import DEFAULT_CONN_ID, open_ledger
from phonon.ledger.store import Ledger

_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


class NoLedgerError(ConfigurationError):
    """No ledger was found: there is no connection and no embedded ledger, or nobody can say."""


def look_up_as_airflow_does() -> None:
    """Have connections looked up in Airflow's metadata database as well.

    Airflow does that only in processes that say they are part of it, which its own commands do in this way. It
    must be said before Airflow is asked for the first one.
    """
    os.environ.setdefault(_CONTEXT, "server")


def open_existing_ledger(conn_id: str) -> Ledger:
    """Open the ledger of a connection: from the environment, a secrets backend or Airflow's metadata database.

    Raises NoLedgerError when there is no such connection and no embedded ledger either, or when the
    metadata database cannot say; LedgerError when the ledger's database fails.
    """
    look_up_as_airflow_does()
    try:
        connection = connection_of(conn_id, of="the ledger", example='{"conn_type": "sqlite", "host": "..."}')
        file = (connection.host or connection.schema or "") if connection.conn_type == "sqlite" else None
    except MissingConnectionError:
        _ask_metadata_database(conn_id)
        if conn_id != DEFAULT_CONN_ID:
            raise
        file = "phonon_ledger.db"
    if file is not None:
        path = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / file
        if not path.is_file():
            raise NoLedgerError(
                f"There is no ledger: connection {conn_id!r} leads to {path}, which is not there. Set AIRFLOW_HOME "
                f"as Airflow's own processes have it, or AIRFLOW_CONN_{conn_id.upper()} to the connection they use."
            )
    return open_ledger(conn_id)


def _ask_metadata_database(conn_id: str) -> None:
    """Raise unless the metadata database was readable, for Airflow says "not found" also when it was not."""
    from airflow.models.connection import Connection  # noqa: PLC0415 - seconds, and only where nothing was found
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above
    from sqlalchemy import select  # noqa: PLC0415 - as above

    try:
        with create_session() as session:
            session.execute(select(Connection.conn_id).where(Connection.conn_id == conn_id)).first()
    except SQLAlchemyError as error:
        raise NoLedgerError(
            f"There is no connection {conn_id!r} in the environment, and Airflow's metadata database cannot be "
            f"read from here ({type(error).__name__}). Set AIRFLOW_CONN_{conn_id.upper()}, or run this where "
            "Airflow's own command 'airflow connections list' works."
        ) from None
