"""Connecting to a ledger in PostgreSQL as Airflow's PostgresHook does, libpq's options and ``iam`` included."""

from __future__ import annotations

import difflib
from typing import Any

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook
from psycopg.rows import tuple_row
from sqlalchemy import URL

from phonon.errors import ConfigurationError, LedgerError, PhononError
from phonon.hooks.connections import extra_of
from phonon.redaction import masked


class PostgresPlace:
    """Where a ledger is, and how to connect to it.

    :param connection: Airflow's, of the type ``postgres``.
    :raises ConfigurationError: for a key of the extra that neither libpq nor PostgresHook knows.
    """

    def __init__(self, connection: Any) -> None:
        self._conn_id = connection.conn_id
        _check_keys(self._conn_id, list(extra_of(connection)))
        self._hook = PostgresHook(connection=connection)
        self.url = URL.create(
            "postgresql+psycopg",
            username=connection.login,
            host=connection.host,
            port=connection.port,
            database=connection.schema,
        )
        """Names the database, for people; the options and the password are only in ``connect``."""

    def connect(self) -> psycopg.Connection[Any]:
        """Return a new connection, with a new token where the extra says ``iam``."""
        try:
            connection: Any = self._hook.get_conn()
        except (psycopg.Error, PhononError):
            raise
        except Exception as error:  # noqa: BLE001 - a token comes from a cloud's library, which has errors of its own
            raise LedgerError(
                f"The ledger's connection {self._conn_id!r} could not be made. Check its extra and what it asks "
                f"for (iam: the Amazon provider and its connection). {type(error).__name__}: {masked(str(error))}"
            ) from None
        # The extra's "cursor" is for people who read rows themselves.
        connection.row_factory = tuple_row
        return connection  # type: ignore[no-any-return]


def _check_keys(conn_id: str, keys: list[str]) -> None:
    of_libpq = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    known = sorted(of_libpq | PostgresHook.ignored_extra_options)
    unknown = sorted(key for key in keys if key not in known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise ConfigurationError(
            f"Connection {conn_id!r}: unknown keys in its extra: {', '.join(unknown)}."
            f"{f' Did you mean {near[0]!r}?' if near else ''}\n"
            "Known are PostgreSQL's connection parameters (sslmode, connect_timeout, target_session_attrs, "
            "keepalives, options, application_name ...) and what PostgresHook knows (iam, aws_conn_id ...)."
        )
