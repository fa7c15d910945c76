"""Bad input in a whole run through real Airflow: the Dag of a campaign, from its first task to its last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operators.desk import KEYS, PEOPLE, START, Desk, leaked
from phonon.dag_factory import campaign_dags

pytestmark = pytest.mark.usefixtures("airflow_db")


def run_dag(desk: Desk, **keys: object) -> str:
    """Run the Dag of a campaign file, as dags/campaigns.py makes it; gives the run's state."""
    campaign = {**KEYS, **keys}
    (desk.folder / "campaigns").mkdir(exist_ok=True)
    (desk.folder / "campaigns" / "one.yaml").write_text(json.dumps(campaign), encoding="utf-8")
    desk.environment.setenv("PHONON_CAMPAIGNS", str(desk.folder / "campaigns"))
    dag = campaign_dags(desk.folder / "campaigns", include=desk.folder)[str(campaign["name"])]
    return str(dag.test(logical_date=START).state)


def test_a_run_with_a_bad_connection_fails_with_one_clear_text_and_the_next_run_calls_everybody(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.connect_phonon(bulk_ulr="https://phonon.example.com/create")
    state = run_dag(desk, name="airflow_bad")
    said = "".join(capfd.readouterr())
    assert state == "failed"
    assert "unknown keys in its extra: bulk_ulr. Did you mean 'bulk_url'?" in said
    assert leaked(said) == []
    assert desk.phonon.summary()["requests"] == 0
    desk.mend()
    assert run_dag(desk, name="airflow_bad") == "success"
    assert desk.statuses() == {"accepted": PEOPLE}
    assert len(desk.accepted()) == PEOPLE


def test_a_ledger_connection_that_airflow_surely_does_not_have_is_the_embedded_ledger(
    desk: Desk, tmp_path: Path
) -> None:
    desk.disconnect("phonon_ledger")
    desk.environment.setenv("AIRFLOW_HOME", str(tmp_path))
    assert run_dag(desk, name="airflow_embedded") == "success"
    assert (tmp_path / "phonon_ledger.db").is_file()


def test_an_empty_query_is_a_successful_run(desk: Desk) -> None:
    empty = "SELECT id, mobile, name FROM people WHERE false"
    assert run_dag(desk, name="airflow_empty", contacts=empty) == "success"
    assert desk.phonon.summary()["requests"] == 0


def test_a_suppress_query_is_rendered_and_keeps_its_numbers_from_being_called(desk: Desk) -> None:
    suppress = "SELECT mobile FROM people WHERE id = 'C1' AND '{{ logical_date.date() }}' = '2026-11-24'"
    assert run_dag(desk, name="airflow_suppress", suppress=suppress) == "success"
    assert desk.statuses() == {"accepted": PEOPLE - 1, "suppressed": 1}
    assert "0001" not in desk.accepted()
