"""The warehouses that the tests of this folder are run against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg2

from phonon.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Place:
    """A warehouse, and a way to look into its database past it."""

    engine: str
    warehouse: Warehouse
    execute: Callable[[str], list[tuple[Any, ...]]]


class Psycopg2Hook:
    """What PostgresHook is where psycopg 3 is not installed: which driver it takes is settled at import."""

    conn_type = "postgres"
    placeholder = "%s"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def get_conn(self) -> Any:
        return psycopg2.connect(self._dsn)
