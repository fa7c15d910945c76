"""The Dags of docs/own-dag.md are run by Airflow, and the SQL of a rehearsal is the SQL of a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.utils.session import create_session
from sqlalchemy import select

from dag_world import DagWorld, states
from docs.snippets import PROJECT, snippets
from phonon.campaign.loading import load_campaign
from phonon.rehearsal.occasion import Occasion
from phonon.rehearsal.templates import rendered

_PAGE = PROJECT / "docs" / "own-dag.md"


def test_the_dags_of_the_page_run(dag_world: DagWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    bundle = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(folder)}}
    monkeypatch.setenv(
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([{"name": "own-dag", **bundle}])
    )
    for number, snippet in enumerate(each for each in snippets(_PAGE) if each.kind == "python"):
        (folder / f"snippet_{number}.py").write_text(snippet.text, encoding="utf-8")
    campaigns = tmp_path / "include" / "campaigns"
    campaigns.mkdir(parents=True)
    (campaigns / "mine.yaml").write_text(
        "name: mine\ncontacts: SELECT 1 AS id, 2 AS mobile\ncontact_id: id\nnumbers: [mobile]\nflow_id: abcdEF12\n"
    )
    bag = DagBag(str(folder))
    assert not bag.import_errors
    own = {"welcome_new_customers", "call_the_person_on_duty"}
    for_people = {"phonon_held_batches", "phonon_pause", "phonon_ledger_maintenance"}
    assert set(bag.dags) == own | for_people | {"mine"}
    for dag in [bag.dags[name] for name in sorted(own)]:
        run = dag.test(logical_date=datetime.now(UTC))
        assert set(states(run).values()) == {"success"}
    assert dag_world.statuses("welcome_new_customers") == {"accepted": 40}
    assert len(dag_world.phonon.accepted()) == 41


_EVERYTHING = """
SELECT loan_id, mobile, '{{ ds }} {{ ds_nodash }} {{ ts }} {{ ts_nodash }} {{ ts_nodash_with_tz }}
{{ data_interval_start }} {{ data_interval_end }} {{ logical_date }} {{ logical_date | ds }}
{{ dag.dag_id }} {{ params.limit }} {{ params.dry_run }} {{ macros.ds_add(ds, 5) }}
{{ data_interval_end.in_timezone("Asia/Kolkata").add(days=7).to_date_string() }}
{{ run_date }} {{ run_time }} {{ run_date.add(days=7) }} {{ run_time.hour }}
{{ dag_run.logical_date }} {{ dag_run.data_interval_start }} {{ dag_run.dag_id }} {{ var.value.city }}
{% do [] %}' AS note FROM loans
"""


def test_a_rehearsal_renders_what_a_run_renders(
    dag_world: DagWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Pune")
    folder = tmp_path / "include" / "campaigns"
    folder.mkdir(parents=True)
    (folder.parent / "everything.sql").write_text(_EVERYTHING, encoding="utf-8")
    (folder / "everything.yaml").write_text(
        "name: everything\ncontacts: everything.sql\ncontact_id: loan_id\nnumbers: [mobile]\nflow_id: abcdEF12\n"
        'schedule: "30 9 * * *"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("PHONON_CAMPAIGNS", str(folder))
    at = datetime(2026, 11, 24, 4, tzinfo=UTC)
    dag_world.run("everything", at=at, conf={"dry_run": False})
    with create_session() as session:
        fields = session.scalars(
            select(RenderedTaskInstanceFields).where(RenderedTaskInstanceFields.dag_id == "everything")
        ).one()
    campaign = load_campaign(folder / "everything.yaml", include=folder.parent)
    occasion = Occasion.of(campaign, at)
    assert rendered(campaign, "contacts", campaign.contacts_sql, occasion) == fields.rendered_fields["sql"]
    assert "Pune" in fields.rendered_fields["sql"]
