"""SQL that changes data is told from a query by its words: when a file is read, and again once it is rendered."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from phonon.campaign.loading import load_campaign
from phonon.campaign.model import Campaign
from phonon.campaign.problems import CampaignError
from phonon.campaign.read_only import why_not_read
from phonon.errors import ConfigurationError
from phonon.ledger.schema import plans
from phonon.ledger.store import Ledger
from simulator import Settings
from simulator.running import running
from trial import Trial, sqlite_url

SHORT = {
    "name": "renewals",
    "contacts": "SELECT id, mobile FROM people",
    "contact_id": "id",
    "numbers": ["mobile"],
    "flow_id": "abcdEF12",
}

QUERIES = [
    "SELECT id FROM people;",
    "select id from people -- ; DELETE FROM people",
    "SELECT 'a; DELETE FROM b' AS \"drop; it\" FROM people /* ; TRUNCATE people */",
    "SELECT $$ ; DROP TABLE people $$ AS a",
    "SELECT id FROM people FOR UPDATE",
    "SELECT replace(mobile, '-', ''), updated FROM people",
    "WITH a AS (SELECT delete FROM people), b AS (SELECT 1) SELECT * FROM a, b",
    "WITH update (id) AS (SELECT 1) SELECT * FROM update",
    "WITH a (delete, insert) AS (SELECT 1, 2) SELECT delete FROM a",
    "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT 2) (SELECT * FROM a)",
    "FROM people SELECT id",
    "(SELECT 1) UNION (SELECT 2)",
    "VALUES (1)",
    "{% set day = ';' %}\nSELECT id FROM people WHERE due = '{{ macros.ds_add(ds, 7) }}'",
    "{{ query_of_today }}",
    "{% include 'head.sql' %} UPDATE",
    "SELECT E'it\\'s; DROP TABLE people'",
    "",
]

CHANGES = [
    ("DELETE FROM people", "DELETE on line 1"),
    ("-- SELECT\n\nupdate people set id = 1", "UPDATE on line 3"),
    ("CREATE TABLE a AS SELECT 1", "CREATE on line 1"),
    ("INSERT INTO a SELECT id FROM people", "INSERT on line 1"),
    ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", "MERGE on line 1"),
    ("TRUNCATE people; SELECT 1", "TRUNCATE on line 1"),
    ("COPY (SELECT 1) TO 'file'", "COPY on line 1"),
    ("SELECT id\nINTO copy\nFROM people", "INTO on line 2"),
    ("WITH gone AS (\n  DELETE FROM people RETURNING id)\nSELECT * FROM gone", "DELETE on line 2"),
    ("WITH a AS (SELECT 1), b AS MATERIALIZED (UPDATE c SET d = 1 RETURNING d) SELECT 1", "UPDATE on line 1"),
    ("WITH a AS (SELECT 1)\nINSERT INTO b SELECT * FROM a", "INSERT on line 2"),
    ("{# it is\n   new #}\nDROP TABLE people", "DROP on line 3"),
    ("SELECT 1;\nDELETE FROM people;", "a second statement begins on line 2"),
    ("SELECT '{{ ds }}';\nSELECT 2", "a second statement begins on line 2"),
]


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_is_let_pass(sql: str) -> None:
    assert why_not_read(sql) is None


@pytest.mark.parametrize(("sql", "told"), CHANGES)
def test_what_changes_data_is_told_by_its_word_and_line(sql: str, told: str) -> None:
    assert (why_not_read(sql) or "").startswith(told)


@pytest.mark.parametrize("key", ["contacts", "suppress"])
def test_sql_that_changes_data_is_refused_when_the_campaign_is_read(key: str) -> None:
    with pytest.raises(ValidationError, match=r"DELETE on line 1 changes data.*Give one SELECT"):
        Campaign.model_validate({**SHORT, key: "WITH a AS (DELETE FROM b RETURNING c) SELECT c FROM a"})


def test_a_file_that_changes_data_is_refused_with_the_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "people.sql").write_text("-- a SELECT follows\nSELECT 1;\nDROP TABLE people")
    path = tmp_path / "campaigns" / "renewals.yaml"
    path.write_text("name: renewals\ncontacts: people.sql\ncontact_id: id\nnumbers: [mobile]\nflow_id: abcdEF12\n")
    with pytest.raises(CampaignError) as told:
        load_campaign(path, include=tmp_path)
    assert (told.value.problems[0].key, told.value.problems[0].line) == ("contacts", 2)
    assert "'people.sql' holds no query: a second statement begins on line 3" in str(told.value)


def test_what_only_jinja_makes_a_change_is_refused_before_anything_is_planned(tmp_path: Path) -> None:
    with running(Settings()) as phonon:
        trial = Trial(tmp_path, phonon, sqlite_url(tmp_path), contacts=3)
        ledger = Ledger(trial.ledger_url)
        for sql, suppress in (("DELETE FROM people", None), (None, "SELECT 1; DELETE FROM people")):
            job = trial.job(ledger=ledger)
            with pytest.raises(ConfigurationError, match=r"as it is rendered: .*Nothing was planned"):
                job.extract_and_batch(sql or trial.campaign().contacts_sql, trial.settings, suppress=suppress)
        with ledger.transaction(read_only=True) as connection:
            assert connection.execute(select(plans.c.id)).first() is None
        ledger.close()
