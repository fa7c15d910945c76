"""An Airflow of its own in a process of its own: runs Dags with ``dag.test()`` when it is told to.

Arguments: the folder of Dags, and Dag ids with a logical date each (``id=2026-11-24T06:30:00+00:00``). It prints
``ready``, and runs a Dag for every line that it reads. ``mapped_senders`` runs its mapped instances at once, each
in a process of its own: one after the other, as ``dag.test()`` runs them, they could never meet.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.models.taskinstance import TaskInstance
from airflow.sdk.definitions import dag as dag_module
from airflow.sdk.execution_time.supervisor import in_process_api_server
from airflow.utils.session import create_session
from sqlalchemy import select

# What takes seconds, before anybody waits: the tasks import these as they run.
from phonon.campaign import job as _job  # noqa: F401
from phonon.hooks import ledger as _ledger  # noqa: F401
from phonon.hooks import phonon as _phonon  # noqa: F401
from phonon.hooks import warehouse as _warehouse  # noqa: F401

_run_task = dag_module._run_task


class Senders:
    """Processes that were forked before any task ran, each for one mapped instance of a task."""

    def __init__(self, dag: Any, task_id: str, count: int) -> None:
        self._dag = dag
        self._task_id = task_id
        self._gate, self._open = os.pipe()
        self._processes = [self._fork(map_index) for map_index in range(count)]
        os.close(self._gate)
        self._waiting = count

    def _fork(self, map_index: int) -> int:
        process = os.fork()
        if process:
            return process
        failed = True
        try:
            os.close(self._open)
            os.read(self._gate, 1)  # until the parent closes it
            with create_session() as session:
                found = session.scalars(
                    select(TaskInstance).where(
                        TaskInstance.dag_id == self._dag.dag_id,
                        TaskInstance.task_id == self._task_id,
                        TaskInstance.map_index == map_index,
                    )
                ).one()
            _run_task(ti=found, task=self._dag.task_dict[self._task_id])
            failed = False
        finally:
            os._exit(failed)

    def run_task(self, *, ti: Any, task: Any, run_triggerer: bool = False) -> Any:
        """In the place of Airflow's own: at the last of the mapped instances all of them are run."""
        if ti.task_id != self._task_id:
            return _run_task(ti=ti, task=task, run_triggerer=run_triggerer)
        self._waiting -= 1
        if not self._waiting:
            os.close(self._open)
            for process in self._processes:
                assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
        return None


def main() -> None:
    folder, *wanted = sys.argv[1:]
    bag = DagBag(folder)
    assert not bag.import_errors, bag.import_errors
    # What its first request would do for eight seconds, in each of the processes that are forked.
    in_process_api_server().app._cadwyn_initialize()
    if "mapped_senders" in bag.dags:
        dag_module._run_task = Senders(bag.dags["mapped_senders"], "send", 3).run_task
    print("ready", flush=True)
    for each in wanted:
        sys.stdin.readline()
        dag_id, _, at = each.partition("=")
        run = bag.dags[dag_id].test(logical_date=datetime.fromisoformat(at))
        print(f"ended {dag_id} {run.state}", flush=True)


if __name__ == "__main__":
    main()
