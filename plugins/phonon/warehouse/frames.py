"""From a cursor to frames of at most so many rows, without ever holding all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from phonon.errors import ConfigurationError
from phonon.warehouse.failures import QueryError, reported

if TYPE_CHECKING:
    import pandas as pd

READING = "reading a query's rows"
READING_CURE = "Check the query, and that the connection's user may read what it names."


def check_chunk_rows(chunk_rows: int) -> None:
    """Raise ConfigurationError unless a chunk holds at least a row."""
    if chunk_rows < 1:
        raise ConfigurationError(f"A chunk of {chunk_rows} rows cannot be read: chunk_rows must be 1 or more.")


def fetched(cursor: Any, *, chunk_rows: int, conn_id: str) -> Iterator[pd.DataFrame]:
    """Yield the rows of a cursor that has run its query; at least one frame, with no row if there is none.

    The columns hold the driver's Python values (dtype object).
    """
    names: list[str] | None = None
    while True:
        with reported(conn_id, READING, READING_CURE):
            rows = cursor.fetchmany(chunk_rows)
        if names is None:
            # psycopg2 knows the columns of a server-side cursor only after its first fetch.
            names = column_names(cursor.description, conn_id=conn_id)
        elif not rows:
            return
        yield frame_of(names, rows)
        if not rows:
            return


def column_names(description: Sequence[Any] | None, *, conn_id: str) -> list[str]:
    """Names of a cursor's columns. Raises QueryError when there are none, or two of one name."""
    if not description:
        raise QueryError(
            f"A query of the warehouse {conn_id!r} gives no columns. Contacts and numbers are read with a SELECT."
        )
    names = [str(column[0]) for column in description]
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise QueryError(
            f"A query of the warehouse {conn_id!r} gives more than one column called {', '.join(repeated)}. "
            "Give each its own name with AS."
        )
    return names


def frame_of(names: Sequence[str], rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """A frame of the values as they are, column by column."""
    import pandas as pd  # noqa: PLC0415 - who writes results does without it

    # Not zip(*rows): an iterator for each row sets off the garbage collector, which takes ten times as long.
    return pd.DataFrame({name: objects([row[place] for row in rows]) for place, name in enumerate(names)})


def objects(values: Sequence[object]) -> pd.Series:
    """A column of the values as they are."""
    import pandas as pd  # noqa: PLC0415 - as above

    return pd.Series(values, dtype=object)
