"""Opening the ledger that an Airflow connection names."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from sqlalchemy import URL

from phonon.errors import ConfigurationError, LedgerError
from phonon.hooks.connections import MissingConnectionError, connection_of, not_installed
from phonon.ledger.store import Ledger

if TYPE_CHECKING:
    from phonon.hooks.postgres_ledger import PostgresPlace

_LOG = logging.getLogger(__name__)
DEFAULT_CONN_ID = "phonon_ledger"
_EXAMPLE = '{"conn_type": "postgres", "host": "...", "schema": "phonon_ledger", "login": "...", "password": "..."}'
_MANY_MACHINES = ("celery", "kubernetes", "ecs", "batch", "edge", "lambda")


def open_ledger(conn_id: str = DEFAULT_CONN_ID) -> Ledger:
    """Open the ledger and bring its schema up to date.

    Without a connection of the default name it is the file ``phonon_ledger.db`` in AIRFLOW_HOME. A SQLite
    ledger is refused where tasks can run on more than one machine: it would be a different truth on each.

    Raises ConfigurationError for a connection that cannot be a ledger's, LedgerError when the database fails.
    """
    try:
        place = _place(conn_id)
        if isinstance(place, URL):
            _refuse_many_machines(conn_id)
            ledger = Ledger(place, conn_id=conn_id)
        else:
            ledger = Ledger(place.url, connect=place.connect, conn_id=conn_id)
    except ImportError as error:
        raise not_installed(conn_id, of="the ledger", extra="postgres", package=error.name) from None
    if ledger.is_new:
        _LOG.warning("A new, empty ledger was made at %s: it knows of no call that was ever placed", ledger.place)
    return ledger


def _place(conn_id: str) -> URL | PostgresPlace:
    try:
        connection = connection_of(conn_id, of="the ledger", example=_EXAMPLE)
    except MissingConnectionError:
        if conn_id != DEFAULT_CONN_ID:
            raise
        _refuse_doubt(conn_id)
        return _sqlite_url(conn_id, "phonon_ledger.db")
    if connection.conn_type == "sqlite":
        return _sqlite_url(conn_id, connection.host or connection.schema or "")
    if connection.conn_type in {"postgres", "postgresql"}:
        from phonon.hooks.postgres_ledger import PostgresPlace  # noqa: PLC0415 - an optional provider

        return PostgresPlace(connection)
    raise ConfigurationError(
        f"Connection {conn_id!r} has the type {connection.conn_type!r}. The ledger is sqlite or postgres: it needs "
        "unique keys and transactions, which analytical warehouses do not keep."
    )


def _sqlite_url(conn_id: str, path: str) -> URL:
    if not path or path == ":memory:":
        raise ConfigurationError(
            f"Connection {conn_id!r} names no file. Put the path of the ledger's SQLite file into its host."
        )
    file = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / path
    if not file.parent.is_dir():
        raise ConfigurationError(
            f"Connection {conn_id!r}: there is no folder {file.parent} for the ledger's SQLite file. Create it, or "
            "correct the connection's host."
        )
    return URL.create("sqlite", database=str(file))


def _refuse_doubt(conn_id: str) -> None:
    """Raise unless the connection is certainly missing.

    Airflow says "not found" also when a secrets backend or its api-server failed. A ledger that is there would
    then be replaced by an empty one for the time being, and people would be called again.
    """
    if conf.get("secrets", "backend", fallback="") or conf.get("workers", "secrets_backend", fallback=""):
        raise ConfigurationError(
            f"There is no connection {conn_id!r} for the ledger, or the secrets backend could not give it: Airflow "
            "does not say which. With a secrets backend the connection must be there, also for an SQLite file: "
            '{"conn_type": "sqlite", "host": "phonon_ledger.db"}.'
        )
    supervisor = getattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS", None)
    if supervisor is None:
        return
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection  # noqa: PLC0415 - only tasks have it

    try:
        answer = supervisor.send(GetConnection(conn_id=conn_id))
    except AirflowRuntimeError as error:
        answer = error.error
    if not (isinstance(answer, ErrorResponse) and answer.error is ErrorType.CONNECTION_NOT_FOUND):
        raise LedgerError(
            f"Airflow could not say whether there is a connection {conn_id!r} for the ledger, so none was opened. "
            "Try again; if it stays, look at the api-server, and whether this task may read the connection."
        )


def _refuse_many_machines(conn_id: str) -> None:
    executors = conf.get("core", "executor").lower()
    found = [name for name in _MANY_MACHINES if name in executors]
    if found:
        raise ConfigurationError(
            f"The ledger (connection {conn_id!r}) is a SQLite file, but the executor {executors!r} runs tasks on "
            "more than one machine, each of which would have a file of its own and call people again. Point the "
            "connection at a PostgreSQL database."
        )
