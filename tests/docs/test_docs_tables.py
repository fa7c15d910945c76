"""The page of the tables names every column, and its queries run."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from phonon.warehouse.dialect import DUCKDB
from phonon.warehouse.tables import RESULTS_TABLE, Table, results_table, runs_table

_PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
_TABLES = [results_table(RESULTS_TABLE), runs_table(RESULTS_TABLE)]
_QUERIES = re.findall(r"```sql\n(.*?)```", _PAGE, re.DOTALL)


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: table.name.table)
def test_the_page_has_the_columns_of_the_table_in_their_order(table: Table) -> None:
    section = _PAGE.split(f"## {table.name.table}\n")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == [column.name for column in table.columns]


@pytest.mark.parametrize("query", _QUERIES)
def test_a_query_of_the_page_runs_and_leaves_out_test_runs(query: str) -> None:
    with duckdb.connect() as connection:
        for table in _TABLES:
            connection.execute(DUCKDB.create(table))
        assert connection.execute(query).fetchall() == []
    assert "interval_key NOT LIKE 'test:%'" in query
