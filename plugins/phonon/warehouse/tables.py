"""The two tables this project writes: what they are called, and the type of each column on each engine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from phonon.errors import ConfigurationError

RESULTS_TABLE = "phonon_call_results"
RUNS_TABLE = "phonon_campaign_runs"

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True)
class TypeNames:
    """What one kind of column is called.

    :param ansi: for engines without a file of their own; ``{length}`` is the column's length.
    :param accepted: types of an existing table that can hold it as well, in small letters, without length.
    """

    duckdb: str
    postgres: str
    ansi: str
    accepted: frozenset[str]


class Kind(Enum):
    """What a column holds."""

    TEXT = TypeNames(
        "VARCHAR", "text", "VARCHAR({length})", frozenset({"character varying", "citext", "text", "varchar"})
    )
    INTEGER = TypeNames(
        "INTEGER", "integer", "INTEGER", frozenset({"bigint", "decimal", "hugeint", "integer", "numeric"})
    )
    BIGINT = TypeNames("BIGINT", "bigint", "BIGINT", frozenset({"bigint", "decimal", "hugeint", "numeric"}))
    DOUBLE = TypeNames(
        "DOUBLE",
        "double precision",
        "DOUBLE PRECISION",
        frozenset({"decimal", "double", "double precision", "numeric"}),
    )
    TIMESTAMP = TypeNames(
        "TIMESTAMP WITH TIME ZONE",
        "timestamp with time zone",
        "TIMESTAMP WITH TIME ZONE",
        frozenset({"timestamp with time zone"}),
    )


@dataclass(frozen=True)
class Column:
    """One column. ``length`` is in characters and only counts where text needs one.

    ``later``: tables of an earlier version of this project lack it; it is added to them.
    """

    name: str
    kind: Kind
    required: bool = False
    length: int = 255
    later: bool = False


@dataclass(frozen=True)
class TableName:
    """A table, with its schema or in the connection's own. It means what it means when written unquoted."""

    schema: str | None
    table: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read ``table`` or ``schema.table``. Raises ConfigurationError for anything else."""
        parts = text.split(".")
        if len(parts) > 2 or not all(_IDENTIFIER.fullmatch(part) for part in parts):
            raise ConfigurationError(
                f"{text!r} cannot be a table name. Write table or schema.table, each of letters, digits and "
                "underscores, not starting with a digit, 63 characters at most."
            )
        return cls(schema=parts[0] if len(parts) == 2 else None, table=parts[-1])

    def __str__(self) -> str:
        return self.table if self.schema is None else f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Table:
    """A table this project writes. ``key`` names the columns whose rows are replaced together."""

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...]


_RESULTS = (
    Column("campaign", Kind.TEXT, required=True),
    Column("interval_key", Kind.TEXT, required=True),
    Column("run_id", Kind.TEXT),
    Column("contact_id", Kind.TEXT),
    Column("client_identifier", Kind.TEXT),
    Column("number_last4", Kind.TEXT),
    Column("status", Kind.TEXT, required=True),
    Column("reason", Kind.TEXT, length=1000),
    Column("api_code", Kind.INTEGER),
    Column("api_message", Kind.TEXT, length=2000),
    Column("request_id", Kind.TEXT),
    Column("phonon_uuid", Kind.TEXT),
    Column("batch_id", Kind.TEXT),
    Column("endpoint", Kind.TEXT),
    Column("flow_id", Kind.TEXT),
    Column("start_time", Kind.TIMESTAMP),
    Column("sent_at", Kind.TIMESTAMP),
    Column("recorded_at", Kind.TIMESTAMP, required=True),
)

_RUNS = (
    Column("campaign", Kind.TEXT, required=True),
    Column("run_id", Kind.TEXT, required=True),
    Column("run_type", Kind.TEXT),
    Column("interval_key", Kind.TEXT),
    Column("rows_read", Kind.BIGINT),
    Column("counted_elsewhere", Kind.BIGINT, later=True),
    Column("planned", Kind.BIGINT),
    Column("accepted", Kind.BIGINT),
    Column("accepted_earlier", Kind.BIGINT),
    Column("refused", Kind.BIGINT),
    Column("invalid", Kind.BIGINT),
    Column("suppressed", Kind.BIGINT),
    Column("dry_run", Kind.BIGINT, later=True),
    Column("held", Kind.BIGINT),
    Column("pending", Kind.BIGINT),
    Column("expired", Kind.BIGINT),
    Column("codes", Kind.TEXT, length=2000),
    Column("requests", Kind.BIGINT),
    Column("bytes", Kind.BIGINT),
    Column("first_sent_at", Kind.TIMESTAMP),
    Column("last_sent_at", Kind.TIMESTAMP),
    Column("seconds", Kind.DOUBLE),
    Column("highest_in_any_minute", Kind.BIGINT),
    Column("outcome", Kind.TEXT, length=1000),
    Column("ledger_id", Kind.TEXT, later=True),
    Column("ledger_sequence", Kind.BIGINT, later=True),
    Column("recorded_at", Kind.TIMESTAMP, required=True),
)


def results_table(text: str) -> Table:
    """The results table, under the name a campaign gives it. Raises ConfigurationError for an unusable name."""
    name = TableName.parse(text)
    if name.table.lower() == RUNS_TABLE:
        raise ConfigurationError(
            f"The results table cannot be called {text}: {RUNS_TABLE} is the table of runs. Choose another."
        )
    return Table(name, _RESULTS, key=("campaign", "interval_key"))


def runs_table(beside: str) -> Table:
    """The table of runs, in the schema of the results table ``beside``."""
    return Table(TableName(results_table(beside).name.schema, RUNS_TABLE), _RUNS, key=("campaign", "run_id"))
