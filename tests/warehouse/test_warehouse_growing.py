"""A column that only grows, on each engine: how far it has grown, and exactly the rows in which it has."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from phonon.cursor_value import CursorValue, RowRange
from phonon.errors import ConfigurationError, WarehouseError
from phonon.warehouse.growing import GrowingColumn, watched_column
from warehouse.place import Place

_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
_TYPES = {
    "id": "BIGINT",
    "price": "DECIMAL(12,3)",
    "day": "DATE",
    "local": "TIMESTAMP",
    "seen_at": "TIMESTAMP WITH TIME ZONE",
    "name": "VARCHAR(20)",
}
_FIRST = "2026-11-01 10:00:00.000001"
_SECOND = "2026-11-01 10:00:00.000002"
_ROWS = [
    f"(1, 0.001, DATE '2026-11-01', TIMESTAMP '{_FIRST}', TIMESTAMPTZ '{_FIRST}+00', 'A')",
    f"(2, 0.010, DATE '2026-11-02', TIMESTAMP '{_SECOND}', TIMESTAMPTZ '2026-11-01 15:30:00.000002+05:30', 'B''s')",
    "(30, 12.5, DATE '2026-11-03', TIMESTAMP '2026-11-03 00:00:00', TIMESTAMPTZ '2026-11-03 00:00:00+00', 'a')",
]


@pytest.fixture
def leads(place: Place) -> Place:
    place.execute(
        f"CREATE TABLE leads ({', '.join(f'{name} {kind}' for name, kind in _TYPES.items())}, good BOOLEAN)"
    )
    return place


def insert(place: Place, *rows: str) -> None:
    place.execute(f"INSERT INTO leads ({', '.join(_TYPES)}) VALUES {', '.join(rows)}")


def ids(place: Place, sql: str) -> list[int]:
    with closing(place.warehouse.read(sql, chunk_rows=10)) as chunks:
        return sorted(int(value) for chunk in chunks for value in chunk["id"])


def grown(place: Place, cursor: str) -> CursorValue | None:
    return watched_column(place.warehouse, table="leads", query=None, cursor=cursor).greatest(_NOW)


def contacts(place: Place, cursor: str, query: str = "SELECT * FROM leads") -> GrowingColumn:
    return GrowingColumn(place.warehouse, query, cursor, "The contacts query")


@pytest.mark.parametrize("cursor", _TYPES)
def test_each_row_lies_in_exactly_one_range(leads: Place, cursor: str) -> None:
    if leads.engine == "generic" and cursor in {"local", "seen_at", "name"}:
        pytest.skip("no type of its own to tell a timestamp or text by")
    assert grown(leads, cursor) is None
    marks: list[CursorValue | None] = [None]
    for row in _ROWS:
        insert(leads, row)
        marks.append(grown(leads, cursor))
    # As events, stores and the ledger keep them.
    kept = [None if mark is None else CursorValue.parse(str(mark)) for mark in marks]
    found = [ids(leads, contacts(leads, cursor).between(RowRange(after, upto))) for after, upto in pairwise(kept)]
    assert found == [[1], [2], [30]]
    assert ids(leads, contacts(leads, cursor).between(RowRange(kept[3], kept[3]))) == []
    assert ids(leads, contacts(leads, cursor).between(RowRange(kept[1], kept[3]))) == [2, 30]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, name FROM leads;",
        "SELECT id FROM leads -- the last line is a comment",
        "WITH recent AS (SELECT id FROM leads) SELECT id FROM recent /* ; */ ;\n",
        "SELECT id FROM leads WHERE name <> ';--'",
    ],
)
def test_any_query_can_be_narrowed(leads: Place, query: str) -> None:
    insert(leads, *_ROWS)
    upto = grown(leads, "id")
    assert ids(leads, contacts(leads, "id", query).between(RowRange(CursorValue.parse("number:1"), upto))) == [
        2,
        30,
    ]


def test_a_query_without_the_cursor_names_it_and_what_there_is(leads: Place) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no column seen_at, which is the cursor of new_rows; it has id, name"
    ):
        contacts(leads, "seen_at", "SELECT id, name FROM leads").between(
            RowRange(None, CursorValue.parse("number:1"))
        )


def test_a_column_that_is_not_comparable_is_refused(leads: Place) -> None:
    if leads.engine == "generic":
        insert(leads, _ROWS[0])
        leads.execute("UPDATE leads SET good = TRUE")
    # Where nobody tells the type, PostgreSQL's own words do: it knows no greatest boolean.
    with pytest.raises((ConfigurationError, WarehouseError), match=r"not comparable|max\(boolean\)"):
        grown(leads, "good")


def test_a_date_in_the_future_hides_no_row(leads: Place) -> None:
    if leads.engine == "generic":
        pytest.skip("no type of its own to tell a timestamp by")
    wrong = _ROWS[2].replace("2026-11-03", "2226-11-03").replace("(30", "(99")
    insert(leads, _ROWS[0], wrong)
    first = grown(leads, "seen_at")
    assert first is not None
    assert "2026-11-01" in str(first)
    insert(leads, _ROWS[1])
    assert ids(leads, contacts(leads, "seen_at").between(RowRange(first, grown(leads, "seen_at")))) == [2]
