"""Looking up an Airflow connection, so that one that is missing or unreadable says how to mend it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from phonon.errors import ConfigurationError


class MissingConnectionError(ConfigurationError):
    """Airflow knows no connection of that id, as far as it says."""


def connection_of(conn_id: str, *, of: str, example: str) -> Any:
    """Look up a connection.

    :param of: what it is the connection of, for the error: "the warehouse".
    :param example: JSON of one that would do, for the error; without secrets.

    Raises MissingConnectionError when there is none, ConfigurationError when what is there cannot or may not
    be read.
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise _missing(conn_id, of, example) from None
    except PermissionError:  # Airflow's own kind of it, which names no cure
        raise ConfigurationError(
            f"Airflow does not let this task read connection {conn_id!r} of {of}. Allow it, or name another one."
        ) from None
    extra_of(connection)
    return connection


def extra_of(connection: Any) -> Mapping[str, Any]:
    """The extra of a connection. Raises ConfigurationError unless it is empty or a JSON object.

    Airflow's own reading takes an extra that is not JSON for an empty one, and what it asks for (TLS, a limit)
    would be left out without a word.
    """
    try:
        content = json.loads(connection.extra) if connection.extra else {}
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"Connection {connection.conn_id!r}: its extra is not a JSON object. Write it as "
            '{"key": "value", ...}, with double quotes, or leave it empty.'
        )
    return content


def not_installed(conn_id: str, *, of: str, extra: str, package: str | None) -> ConfigurationError:
    """Say that the packages of a database are missing, and which extra brings them.

    :param of: what the connection is of: "the warehouse".
    :param extra: the extra of this package.
    :param package: what could not be imported, if that is known.
    """
    return ConfigurationError(
        f"Install airflow-provider-phonon[{extra}] on the workers: connection {conn_id!r} of {of} needs it.\n"
        f"The Python package {package or 'of its database'} is not installed here."
    )


def _missing(conn_id: str, of: str, example: str) -> ConfigurationError:
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable):  # Airflow goes on to the next place when it cannot read this one
        return ConfigurationError(
            f"Connection {conn_id!r} of {of} cannot be read: the environment variable {variable} holds neither a "
            f"connection as JSON nor as a URI. Write it like {example}."
        )
    return MissingConnectionError(
        f"There is no connection {conn_id!r} for {of}. Create it in the Airflow UI (Admin > Connections) or set "
        f"{variable}, like {example}."
    )
