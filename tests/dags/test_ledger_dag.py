"""The Dag that keeps the ledger small, run by Airflow after a campaign."""

from __future__ import annotations

import pytest

from dag_world import DagWorld, dag_named

MAINTENANCE = "phonon_ledger_maintenance"


def test_the_ledger_is_maintained_and_the_next_run_calls_nobody(
    dag_world: DagWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    first = dag_world.run("payment_nudge")
    called = len(dag_world.phonon.accepted())
    run = dag_world.run(MAINTENANCE, conf={"whole": True})
    assert run.state == "success"
    (task,) = run.get_task_instances()
    done = task.xcom_pull(task_ids="maintain")
    assert (done["numbers"], done["hashes"]) == (0, 0)
    # A file that is as small as this can be a page larger when SQLite has written it anew.
    assert 0 < done["bytes_after"] <= done["bytes_before"] + 4096
    assert "Room on disk" in "".join(capfd.readouterr())

    dag_world.run("payment_nudge", at=first.logical_date)
    assert len(dag_world.phonon.accepted()) == called


def test_it_runs_once_a_night_outside_the_calling_hours() -> None:
    timetable = dag_named(MAINTENANCE).timetable
    assert (timetable.expression, str(timetable.timezone)) == ("30 3 * * *", "Asia/Kolkata")


def test_each_field_of_the_form_says_what_its_days_are_of() -> None:
    params = dag_named("phonon_ledger_maintenance").params
    titles = [params.get_param(name).schema["title"] for name in ("numbers_days", "hashes_days", "sends_days")]
    assert titles == ["Keep phone numbers: days", "Keep hashes of numbers: days", "Keep times of requests: days"]
