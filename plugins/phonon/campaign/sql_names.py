"""The names that exist in the Jinja of a campaign's SQL, and what to write instead of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from phonon.campaign.problems import did_you_mean
from phonon.campaign.template_names import CONNECTIONS, DATES, PARTITION, line_of

_OF_THE_TASK = frozenset({"ti", "task", "task_instance"})
"""What leads to all that a task can reach, connections included, and a terminal has not."""


def run_names(zone: ZoneInfo, moment: datetime) -> dict[str, Any]:
    """Return ``run_date`` and ``run_time``: when a run is, on the clocks of its campaign's calling window.

    :param moment: aware; the end of the run's interval, else its logical date, else its ``run_after``.
    """
    import pendulum  # noqa: PLC0415 - takes a while, and each Dag file imports this module

    time = pendulum.instance(moment).in_timezone(zone.key)
    return {"run_date": time.date(), "run_time": time}


def moment_of(dag_run: Any) -> datetime:
    """Return what a run's ``run_date`` and ``run_time`` are made of."""
    moment: datetime = dag_run.data_interval_end or dag_run.logical_date or dag_run.run_after
    return moment


def sql_names(context: Mapping[str, Any], zone: ZoneInfo, *, of_a_file: bool) -> dict[str, Any]:
    """Return what the SQL of a campaign finds of a task's context.

    :param of_a_file: the campaign is a file, whose author need not be trusted with what Airflow's connections hold.
    """
    hidden = CONNECTIONS | _OF_THE_TASK if of_a_file else CONNECTIONS
    names = {name: value for name, value in context.items() if name not in hidden}
    if of_a_file and "dag" in names:
        names["dag"] = SimpleNamespace(dag_id=names["dag"].dag_id)
    return names | (run_names(zone, moment_of(context["dag_run"])) if "dag_run" in context else {})


def instead_of(name: str, sql: str, where: str, known: Iterable[str]) -> str:
    """Say in one sentence what to write instead of a name that does not exist in this run.

    :param where: the file that has the SQL, or its key.
    :param known: the names that exist.
    """
    line = line_of(name, sql)
    place = f"{where}, line {line}" if line else where
    if name in DATES:
        return (
            f"Write {{{{ run_date }}}} or {{{{ run_time }}}} instead of {name} in {place}: this run has no {name}."
        )
    if name in PARTITION:
        return f"Write {{{{ run_date }}}} instead of {name} in {place}: this run is not of a partition."
    if name in CONNECTIONS:
        return f"Write {{{{ var.value.NAME }}}} instead of {name} in {place}: campaigns read no connections."
    names = sorted(known)
    guess = did_you_mean(name, names)
    there = "" if guess else " There are: run_date, run_time, params, var, macros, dag_run, run_id."
    return f"Write another name instead of {name} in {place}: there is no {name} in a campaign's SQL.{guess}{there}"
