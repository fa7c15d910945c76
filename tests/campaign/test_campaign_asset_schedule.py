"""A campaign that an asset starts: what its queries may ask of the run, and what cannot start it."""

from __future__ import annotations

from pathlib import Path

import pytest

from phonon.campaign.loading import load_campaign
from phonon.campaign.problems import CampaignError

_CLOCK = '"0 9 * * *"'
_ASSET = "{asset: duckdb://warehouse/renewals}"
_PARTITIONED = "{asset: duckdb://warehouse/renewals, partitioned: true}"
_NEW_ROWS = "{new_rows: {table: leads, cursor: created_at}}"

_TEXT = """\
name: renewals
schedule: {schedule}
contacts: {contacts}
contact_id: id
numbers: [mobile]
flow_id: wruHzoCK
"""


def load(folder: Path, schedule: str, condition: str) -> None:
    path = folder / "campaigns" / "renewals.yaml"
    path.parent.mkdir()
    (folder / "renewals.sql").write_text(f"SELECT id, mobile\nFROM people WHERE {condition}", encoding="utf-8")
    path.write_text(_TEXT.format(schedule=schedule, contacts="renewals.sql"), encoding="utf-8")
    load_campaign(path, include=folder)


@pytest.mark.parametrize(
    ("schedule", "condition", "told"),
    [
        (_ASSET, "day = '{{ ds }}'", "needs ds (line 2 of the SQL)"),
        (_ASSET, "day >= '{{ data_interval_start.date() }}'", "Use {{ run_date }} or {{ run_time }}"),
        (_PARTITIONED, "day = '{{ logical_date | string }}'", "Use {{ partition_key }}"),
        (_NEW_ROWS, "{% if ts %}true{% endif %}", "needs ts"),
        (_ASSET, "day = '{{ partition_key }}'", "partitioned: true"),
        (_CLOCK, "day = '{{ partition_key }}'", "needs partition_key"),
        ("null", "day = '{{ partition_date }}'", "needs partition_date"),
        ("null", "x = '{{ conn.warehouse.password }}'", "needs conn (line 2 of the SQL): SQL of campaigns cannot"),
    ],
)
def test_a_query_that_needs_what_its_runs_do_not_have_is_refused(
    tmp_path: Path, schedule: str, condition: str, told: str
) -> None:
    with pytest.raises(CampaignError) as error:
        load(tmp_path, schedule, condition)
    assert told in str(error.value)
    assert "line 3, column 11" in str(error.value)


@pytest.mark.parametrize(
    ("schedule", "condition"),
    [
        (_CLOCK, "day = '{{ ds }}'"),
        (_ASSET, "day = '{{ run_date }}' AND at < '{{ run_time }}'"),
        (_PARTITIONED, "day = '{{ partition_key }}'"),
        (_ASSET, "day = '{{ ds if ds is defined else dag_run.run_after }}'"),
        (_ASSET, "day = '{{ ds | default(run_id) }}'"),
        (_ASSET, "ds = 'ds' AND '{{ run_id }}' <> ''"),
        (_ASSET, "day = '{{ ds"),  # told when it is rendered
    ],
)
def test_a_query_may_ask_whether_there_is_a_date(tmp_path: Path, schedule: str, condition: str) -> None:
    load(tmp_path, schedule, condition)


@pytest.mark.parametrize("uri", ["phonon://renewals/results", "Phonon://renewals/results/"])
def test_a_campaign_that_its_own_results_would_start_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(CampaignError, match="own results would start it again, without end"):
        load(tmp_path, f"{{asset: {uri}}}", "true")
