"""Opening the ledger: SQLite for one machine, PostgreSQL for more."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from phonon.ledger.failures import ledger_error
from phonon.ledger.identity import ensure_identity
from phonon.ledger.migration import migrate
from phonon.ledger.private_file import keep_private
from phonon.ledger.schema import meta

_LOCK_WAIT_SECONDS = 60
_CACHE_KIB = 8_000
"""Of an SQLite file in memory: what a chunk of a plan reads of the index of numbers is still there as it writes."""
_CHECKPOINT_PAGES = 8_000
"""Of SQLite's write-ahead log, 4 KiB each: a page that chunk after chunk changes is written back once."""
_SYNCHRONOUS = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit'"
_QUICK = "phonon: commits are not durable by default"


class Ledger:
    """A ledger that is open and up to date.

    :param url: of an SQLite file or a PostgreSQL database.
    :param clock: seconds since the epoch, for tests; by default PostgreSQL's own clock, so that workers
        whose clocks differ share one limit, or this machine's for SQLite.
    :param connect: makes a psycopg connection, instead of one made from ``url``, whose database it must be of.
    :param conn_id: the Airflow connection that the url comes from, for errors.
    """

    def __init__(
        self,
        url: URL,
        *,
        clock: Callable[[], float] | None = None,
        connect: Callable[[], Any] | None = None,
        conn_id: str = "phonon_ledger",
    ) -> None:
        if url.get_backend_name() == "sqlite" and url.database and not url.query.get("uri"):
            keep_private(Path(url.database))
        self._engine = _engine(url, connect)
        self._clock = clock
        self._conn_id = conn_id
        self.place = url.render_as_string(hide_password=True)
        with self.transaction() as connection:
            migrate(connection)
        with self.transaction() as connection:
            self._hash_key = _hash_key(connection)
            self.is_new = ensure_identity(connection, self.now(connection))

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Connection]:
        """One transaction. On SQLite a writing one excludes other writers from its start.

        Raises LedgerError for what the database reports, without the statement's parameters.
        """
        with self._errors(), self._engine.connect() as connection, connection.begin():
            if connection.dialect.name == "sqlite":
                _begin_sqlite(connection, read_only=read_only)
            elif _QUICK in connection.info and not read_only:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            yield connection

    @contextmanager
    def outside_transactions(self) -> Iterator[Connection]:
        """For statements that are not allowed in a transaction: each is one of its own. Raises LedgerError."""
        with self._errors():
            engine = self._engine
            if engine.dialect.name == "postgresql":
                engine = engine.execution_options(isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            cause = getattr(error, "orig", None) if isinstance(error, SQLAlchemyError) else error
            raise ledger_error(cause or error, place=self.place, conn_id=self._conn_id) from None

    def now(self, connection: Connection) -> float:
        """Seconds since the epoch, by the clock that all senders of this ledger share."""
        if self._clock is not None:
            return self._clock()
        if self._engine.dialect.name == "postgresql":
            return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
        return time.time()

    def ahead(self, connection: Connection, machine: Callable[[], float]) -> float:
        """Seconds by which that clock is ahead of this machine's; 0 where it is the same, or a test's.

        What the question itself may have taken is not counted.
        """
        if self._clock is not None or self._engine.dialect.name != "postgresql":
            return 0.0
        before, there, after = machine(), self.now(connection), machine()
        return min(there - before, 0.0) + max(there - after, 0.0)

    def number_hash(self, number: str) -> int:
        """Keyed hash of a phone number, 64 bits: tells whether two are the same and nothing else."""
        return self.number_hashes([number])[number]

    def number_hashes(self, numbers: Iterable[str]) -> dict[str, int]:
        """The keyed hash of each of many numbers."""
        keyed = hashlib.blake2b(key=self._hash_key, digest_size=8)
        hashes = {}
        for number in numbers:
            hasher = keyed.copy()
            hasher.update(number.encode())
            hashes[number] = int.from_bytes(hasher.digest(), "big", signed=True)
        return hashes

    def account(self, security_id: str) -> str:
        """Keyed hash of a security-id: names the account whose limit is shared."""
        return hashlib.blake2b(security_id.encode(), key=self._hash_key, digest_size=8).hexdigest()

    def close(self) -> None:
        """Close the kept connections."""
        self._engine.dispose()


def _engine(url: URL, connect: Callable[[], Any] | None) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _configure_sqlite)
        return engine
    engine = create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        # The server's or the role's default may be another one, under which a sender could read a stale budget.
        isolation_level="READ COMMITTED",
        **({} if connect is None else {"creator": connect}),
    )
    event.listen(engine, "connect", _configure_postgres)
    return engine


def _configure_postgres(connection: Any, record: ConnectionPoolEntry) -> None:
    """Keep nothing in the session: behind a pooler, each transaction may get another one.

    A statement that was prepared in one session is unknown, or another one, in the next. Where the server is set
    up to lose the last commits in a crash, each writing transaction asks for better, see ``Ledger.transaction``.
    """
    connection.prepare_threshold = None
    with connection.cursor() as cursor:
        cursor.execute(_SYNCHRONOUS)
        if cursor.fetchone() == ("off",):
            record.info[_QUICK] = True
    connection.commit()


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # _begin_sqlite begins transactions, not the driver
    # Only a new file takes this: room that becomes free in it can be given back a little at a time.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    # Of two that make a new file WAL at once, SQLite fails one without waiting.
    waiting = Retrying(
        retry=retry_if_exception(_is_locked),
        stop=stop_after_delay(_LOCK_WAIT_SECONDS),
        wait=wait_random(0.01, 0.1),
        reraise=True,
    )
    waiting(connection.execute, "PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    # A committed SENDING must survive a power cut: what was sent after it cannot be unsent.
    connection.execute("PRAGMA synchronous = FULL")


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _begin_sqlite(connection: Connection, *, read_only: bool) -> None:
    # Not in a listener, which would make each statement of the engine look for others, nor as a statement, of
    # which SQLAlchemy would make a result: most transactions are short.
    # A deferred transaction that reads before it writes fails when another one wrote in between.
    connection.connection.cursor().execute("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _hash_key(connection: Connection) -> bytes:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(meta).values(name="hash_key", value=secrets.token_hex(32))
    connection.execute(insert.on_conflict_do_nothing())
    value: str = connection.execute(select(meta.c.value).where(meta.c.name == "hash_key")).scalar_one()
    return bytes.fromhex(value)
