from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from phonon.campaign.schedule import NewRows
from phonon.cli.app import app
from phonon.cursor_value import RowRange
from phonon.ledger.row_ranges import last_watched, newest_range
from phonon.ledger.store import Ledger
from trial import sqlite_url

_CAMPAIGN = {
    "name": "leads",
    "schedule": {"new_rows": {"table": "leads", "cursor": "id"}},
    "contacts": "SELECT id, mobile FROM leads",
    "contact_id": "id",
    "numbers": ["mobile"],
    "flow_id": "abcdEF12",
}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    folder = tmp_path / "include" / "campaigns"
    folder.mkdir(parents=True)
    (folder / "leads.yaml").write_text(yaml.safe_dump(_CAMPAIGN))
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "CREATE TABLE leads AS SELECT i AS id, '9199999' || (10000 + i) AS mobile FROM range(10) t(i)"
        )
    url = sqlite_url(tmp_path)
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(folder))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "duckdb", "host": str(file)}))
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_LEDGER", json.dumps({"conn_type": "sqlite", "host": url.database}))
    opened = Ledger(url)
    yield opened
    opened.close()


def _newest(ledger: Ledger) -> RowRange | None:
    watched = NewRows(table="leads", cursor="id").key_of("leads")
    with ledger.transaction() as connection:
        assert last_watched(connection, "leads") in {None, watched}
        return newest_range(connection, watched)


@pytest.mark.parametrize(
    ("option", "beyond", "waiting"), [(["--after", "6"], "6", "3 rows"), (["--from-now"], "9", "0 rows")]
)
def test_the_command_says_what_is_new_asks_and_begins_there(
    ledger: Ledger, option: list[str], beyond: str, waiting: str
) -> None:
    words = ["new-rows", "begin", "leads", *option]
    refused = CliRunner().invoke(app, words, input="n\n")
    assert f"Rows whose id is beyond {beyond} are new: {waiting} so far." in refused.output
    assert (refused.exit_code, _newest(ledger)) == (1, None)
    assert CliRunner().invoke(app, words, input="y\n").exit_code == 0
    newest = _newest(ledger)
    assert newest is not None
    assert newest.upto is not None
    assert newest.upto.plain == beyond


@pytest.mark.parametrize("options", [[], ["--after", "1", "--from-now"]])
@pytest.mark.usefixtures("ledger")
def test_exactly_one_beginning_has_to_be_given(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["new-rows", "begin", "leads", *options])
    assert (result.exit_code, result.output) == (1, "Give either --after VALUE or --from-now.\n")
