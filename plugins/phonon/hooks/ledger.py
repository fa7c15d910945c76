"""Opening the ledger that an Airflow connection names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import URL

from phonon.errors import ConfigurationError
from phonon.ledger.store import Ledger

DEFAULT_CONN_ID = "phonon_ledger"
_MANY_MACHINES = ("celery", "kubernetes", "ecs", "batch", "edge", "lambda")


def open_ledger(conn_id: str = DEFAULT_CONN_ID) -> Ledger:
    """Open the ledger and bring its schema up to date.

    Without a connection of the default name it is the file ``phonon_ledger.db`` in AIRFLOW_HOME. A SQLite
    ledger is refused where tasks can run on more than one machine: it would be a different truth on each.
    """
    url = _url(conn_id)
    if url.get_backend_name() == "sqlite":
        _refuse_many_machines(conn_id)
    return Ledger(url)


def _url(conn_id: str) -> URL:
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if conn_id == DEFAULT_CONN_ID:
            return _sqlite_url(conn_id, "phonon_ledger.db")
        raise ConfigurationError(
            f"There is no connection {conn_id!r} for the ledger. Create it, of type sqlite or postgres."
        ) from None
    if connection.conn_type == "sqlite":
        return _sqlite_url(conn_id, connection.host or connection.schema or "")
    if connection.conn_type in {"postgres", "postgresql"}:
        return _postgres_url(connection)
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


def _postgres_url(connection: Any) -> URL:
    options = {
        key: str(value) for key, value in connection.extra_dejson.items() if key.startswith(("ssl", "connect_"))
    }
    return URL.create(
        "postgresql+psycopg",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query=options,
    )


def _refuse_many_machines(conn_id: str) -> None:
    executors = conf.get("core", "executor").lower()
    found = [name for name in _MANY_MACHINES if name in executors]
    if found:
        raise ConfigurationError(
            f"The ledger (connection {conn_id!r}) is a SQLite file, but the executor {executors!r} runs tasks on more "
            "than one machine, each of which would have a file of its own and call people again. Point the "
            "connection at a PostgreSQL database."
        )
