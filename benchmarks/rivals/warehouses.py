"""Opening the warehouse that a rival is given: a DuckDB file, or a PostgreSQL DSN."""

from __future__ import annotations

from typing import Any

RESULTS = "(contact_id VARCHAR, client_identifier VARCHAR, status VARCHAR, request_id VARCHAR)"
"""The columns of a rival's results table; ours has eighteen."""


def is_file(warehouse: str) -> bool:
    """Whether it is a DuckDB file."""
    return warehouse.endswith(".duckdb")


def connect(warehouse: str) -> Any:
    """Open it, as PEP 249 has it."""
    if is_file(warehouse):
        import duckdb  # noqa: PLC0415 - a rival pays for what it uses

        return duckdb.connect(warehouse)
    import psycopg  # noqa: PLC0415 - as above

    return psycopg.connect(warehouse)
