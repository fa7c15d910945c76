"""New ledgers in a moment: what the migrations say to an empty database is said again to the next one.

It is what they said to the first empty database of its kind in this process, word for word. The migrations' own
tests, and the processes that a test starts, run the migrations themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event, inspect, text

from phonon.ledger import store
from phonon.ledger.migration import _LOCK, migrate
from phonon.ledger.schema import PREFIX

_RUN_THEMSELVES = "test_ledger_migrations"
_LOOKS = ("SELECT", "PRAGMA")
_said: dict[str, list[tuple[str, Any]]] = {}


@pytest.fixture(autouse=True)
def _recorded_migrations(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.module.__name__.endswith(_RUN_THEMSELVES):
        monkeypatch.setattr(store, "migrate", _migrate)


def _migrate(connection: Connection) -> None:
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if inspect(connection).has_table(f"{PREFIX}version"):
        migrate(connection)
    elif dialect in _said:
        for statement, parameters in _said[dialect]:
            connection.exec_driver_sql(statement, parameters)
    else:
        _said[dialect] = _listening(connection, migrate)


def _listening(connection: Connection, work: Callable[[Connection], None]) -> list[tuple[str, Any]]:
    """What some work says to the database, but for what only looks at it."""
    said: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.lstrip().startswith(_LOOKS):
            said.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        work(connection)
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return said
