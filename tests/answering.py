"""Answering a question of a run that is carried out in this process, as an api-server of its Airflow would."""

from __future__ import annotations

from threading import Thread
from time import monotonic, sleep

import pytest
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import handle_event_submit
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from phonon.operators import asking


def answer(option: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer the next question from another thread, through Airflow's own tables; gives what was asked.

    Of a run that nobody can answer nothing is asked, so the task has to be told that here somebody can.
    """
    monkeypatch.setattr(asking, "is_run_in_process", lambda: False)
    asked: list[str] = []

    def wait_and_answer() -> None:
        end = monotonic() + 120
        while not asked and monotonic() < end:
            sleep(0.2)
            with create_session() as session:
                waiting = select(TaskInstance).where(TaskInstance.state == TaskInstanceState.AWAITING_INPUT)
                task = session.scalars(waiting).first()
                detail = session.get(HITLDetail, task.id) if task is not None else None
                if task is None or detail is None:
                    continue
                detail.chosen_options, detail.responded_by = [option], {"id": "1", "name": "meera"}
                event = TriggerEvent(detail.as_resume_event_payload())
                handle_event_submit(event, task_instance=task, session=session)
                asked.append(f"{task.task_id}: {detail.subject}\n{detail.body}")

    Thread(target=wait_and_answer, daemon=True).start()
    return asked
