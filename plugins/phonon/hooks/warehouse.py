"""Opening the warehouse that an Airflow connection names."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowException

from phonon.errors import ConfigurationError
from phonon.hooks.connections import connection_of, not_installed
from phonon.warehouse.warehouse import Warehouse, open_warehouse

_EXTRAS = {"duckdb": "duckdb", "postgres": "postgres"}
"""Extras of this package, by the connection type that needs them."""

_EXAMPLE = '{"conn_type": "duckdb", "host": "/path/of/warehouse.duckdb"}'


def warehouse_of(conn_id: str) -> Warehouse:
    """Open the warehouse of a connection; any type whose hook has a DB-API connection is accepted.

    Raises ConfigurationError when the connection is missing, names no database, or is of a type that is not
    installed.
    """
    connection = connection_of(conn_id, of="the warehouse", example=_EXAMPLE)
    try:
        hook = _duckdb_hook(connection) if connection.conn_type == "duckdb" else _hook(connection)
        if not hasattr(hook, "get_conn"):
            raise ConfigurationError(
                f"Connection {conn_id!r} of type {connection.conn_type!r} is not of a database."
            )
        return open_warehouse(hook, conn_id=conn_id)
    except ImportError as error:
        raise _no_hook(connection, error) from None


def _duckdb_hook(connection: Any) -> Any:
    from airflow.providers.duckdb.hooks.duckdb import IN_MEMORY_DATABASE, DuckDBHook  # noqa: PLC0415 - optional provider

    # The URI form duckdb:////path puts the path where the hook does not look for it.
    database = connection.schema if not connection.host and "/" in (connection.schema or "") else None
    hook = DuckDBHook(duckdb_conn_id=connection.conn_id, database=database)
    if str(hook.get_database()).startswith(IN_MEMORY_DATABASE):
        raise ConfigurationError(
            f"Connection {connection.conn_id!r} names no DuckDB file, so every task would see an empty database. "
            "Put the path of the file into its host."
        )
    return hook


def _hook(connection: Any) -> Any:
    try:
        return connection.get_hook()
    except (AirflowException, ImportError, ValueError) as error:
        raise _no_hook(connection, error) from None


def _no_hook(connection: Any, error: Exception) -> ConfigurationError:
    extra = _EXTRAS.get(connection.conn_type)
    if extra is not None:
        package = getattr(error, "name", None)
        return not_installed(connection.conn_id, of="the warehouse", extra=extra, package=package)
    return ConfigurationError(
        f"Connection {connection.conn_id!r} has the type {connection.conn_type!r}, for which there is no hook "
        f"({type(error).__name__}). Install its provider, or correct the type."
    )
