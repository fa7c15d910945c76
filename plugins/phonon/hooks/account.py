"""The settings of an account at Phonon, from an Airflow connection."""

from __future__ import annotations

from phonon.api.connection import ConnectionSettings, read_connection
from phonon.errors import ConfigurationError
from phonon.hooks.connections import connection_of, extra_of

CONN_TYPE = "phonon"
_EXAMPLE = '{"conn_type": "phonon", "password": "the security-id of the flow\'s edit page"}'


def account_settings(phonon_conn_id: str) -> ConnectionSettings:
    """Read the connection, and check it. Raises ConfigurationError that names the key and the cure.

    Apart from the hook, since a step that sends nothing needs no HTTP client.
    """
    connection = connection_of(phonon_conn_id, of="Phonon", example=_EXAMPLE)
    if connection.conn_type != CONN_TYPE:
        raise ConfigurationError(
            f"Connection {phonon_conn_id!r} has the type {connection.conn_type!r}. Correct it: an account "
            f"at Phonon is of type {CONN_TYPE!r}."
        )
    return read_connection(phonon_conn_id, connection.password, extra_of(connection))
