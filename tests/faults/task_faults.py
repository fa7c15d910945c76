"""A campaign's Dag for the fault tests: as the project makes it, and with a fault that its sender suffers once.

A Dag file of these tests is the text that ``dag_file`` gives. Airflow's processes import this module.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from phonon.campaign.model import Campaign
from phonon.dag_factory import campaign_dag
from phonon.dispatch.points import Point, observe

_TEXT = """from airflow.sdk import DAG

from faults.task_faults import dag_of

dag: DAG = dag_of({campaign!r}, {fault!r})
"""


@dataclass(frozen=True)
class TaskFault:
    """The task's process sends itself a signal when it reaches a point for so many times.

    ``marker``: a file that is made then, so that the next try is spared.
    """

    point: Point
    signal: str
    marker: str
    time: int = 1


def dag_file(campaign: Mapping[str, Any], fault: TaskFault | None) -> str:
    """The text of a Dag file."""
    told = json.dumps(asdict(fault)) if fault else ""
    return _TEXT.format(campaign=json.dumps(campaign), fault=told)


def dag_of(campaign: str, fault: str) -> DAG:
    """Make the Dag of a campaign, given as JSON, whose tasks are retried at once."""
    dag = campaign_dag(Campaign.model_validate_json(campaign))
    for task in dag.tasks:
        task.retry_delay = timedelta(seconds=1)
        task.retry_exponential_backoff = False
    if fault:
        dag.get_task("trigger_calls").on_execute_callback = [_arming(TaskFault(**json.loads(fault)))]
    return dag


def _arming(fault: TaskFault) -> Callable[[Mapping[str, Any]], None]:
    left = fault.time

    def strike(point: Point) -> None:
        nonlocal left
        if point != fault.point or Path(fault.marker).exists():
            return
        left -= 1
        if left <= 0:
            Path(fault.marker).touch()
            os.kill(os.getpid(), signal.Signals[fault.signal])

    def arm(_context: Mapping[str, Any]) -> None:
        observe(strike)

    return arm
