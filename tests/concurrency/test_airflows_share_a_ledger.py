"""Real Airflow task runs that meet: mapped instances of one task, and two deployments with one ledger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from concurrency.airflows import Shared
from demo.world import PROJECT
from postgres_server import PostgresDatabase
from simulator import Fault, Kind
from simulator.running import Handle

_AT = "2026-11-24T06:30:00+00:00"
_MAPPED_DAG = """
import os
from pathlib import Path

from airflow.sdk import DAG

from phonon.campaign.loading import find_campaigns
from phonon.operators.steps import ExtractAndBatchOperator, PushResultsOperator, TriggerCallsOperator


class ShardOperator(TriggerCallsOperator):
    def __init__(self, *, shard, **kwargs):
        super().__init__(**kwargs)
        self.shard = shard


folder = Path(os.environ["PHONON_CAMPAIGNS"])
(campaign,) = find_campaigns(folder, include=folder)
with DAG("mapped_senders", schedule=None):
    extract = ExtractAndBatchOperator(task_id="extract_and_batch", campaign=campaign)
    senders = ShardOperator.partial(task_id="send", campaign=campaign).expand(shard=[0, 1, 2])
    extract >> senders >> PushResultsOperator(task_id="push_results", campaign=campaign)
"""


@pytest.fixture
def shared(
    tmp_path: Path, postgres_server: PostgresDatabase, airflow_db: Path, new_phonon: Callable[..., Handle]
) -> Shared:
    return Shared(tmp_path, postgres_server, new_phonon(delay_seconds=0.05), airflow_db)


def test_mapped_instances_of_a_task_share_an_interval(shared: Shared) -> None:
    shared.phonon.inject(Fault(Kind.SLOW, seconds=2))
    shared.campaigns("mapped")
    dags = shared.folder / "dags"
    dags.mkdir()
    (dags / "mapped.py").write_text(_MAPPED_DAG)
    with shared.deployment("airflow", dags, [f"mapped_senders={_AT}"]) as airflow:
        airflow.expect("ready")
        airflow.go()
        airflow.expect("ended mapped_senders success")
    shared.assert_books_agree("mapped")
    assert shared.senders("mapped") > 1


def test_two_deployments_share_a_campaign_and_an_account(shared: Shared) -> None:
    shared.phonon.inject(Fault(Kind.SLOW, seconds=4))
    shared.campaigns("common", "first", "second")
    with ExitStack() as stack:
        airflows = [
            stack.enter_context(shared.deployment(name, PROJECT / "dags", [f"common={_AT}", f"{own}={_AT}"]))
            for name, own in (("airflow-1", "first"), ("airflow-2", "second"))
        ]
        for airflow in airflows:
            airflow.expect("ready")
        for ended in (["common", "common"], ["first", "second"]):
            for airflow in airflows:
                airflow.go()
            for airflow, dag_id in zip(airflows, ended, strict=True):
                airflow.expect(f"ended {dag_id} success")
    shared.assert_books_agree("common", "first", "second")
    assert shared.senders("common") == 2
