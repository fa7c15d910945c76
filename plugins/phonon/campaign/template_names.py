"""What the Jinja of a query asks of its run, held against what the runs of the campaign have."""

from __future__ import annotations

from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule, Schedule

DATES = frozenset(
    {
        "data_interval_start",
        "data_interval_end",
        "logical_date",
        "ds",
        "ds_nodash",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
        "prev_data_interval_start_success",
        "prev_data_interval_end_success",
    }
)
PARTITION = frozenset({"partition_key", "partition_date"})
CONNECTIONS = frozenset({"conn"})
"""What no SQL of a campaign may ask for: whoever edits it need not know what connections hold."""


def never_there(sql: str, schedule: Schedule) -> str | None:
    """Say which name of a query no run that the schedule starts has, and what to use instead; None if all is well.

    A query that asks whether there is one (``is defined``, ``default``) may name what it likes, and so may one
    whose Jinja cannot be read: what is wrong with that is told when it is rendered.
    """
    partitioned = isinstance(schedule, AssetSchedule) and schedule.partitioned
    absent = CONNECTIONS if partitioned else CONNECTIONS | PARTITION
    if isinstance(schedule, AssetSchedule | NewRowsSchedule):
        absent |= DATES
    if "{" not in sql or not any(name in sql for name in absent):
        return None
    line, name = min(((line, name) for name, line in _asked(sql).items() if name in absent), default=(0, ""))
    if not name:
        return None
    if name in CONNECTIONS:
        return (
            f"The query needs {name} (line {line} of the SQL): SQL of campaigns cannot read connections. Keep what "
            "it needs in an Airflow variable, and use {{ var.value.NAME }}."
        )
    if name in PARTITION:
        return (
            f"The query needs {name} (line {line} of the SQL), which only runs of partitions have. Give the "
            "schedule as {asset: <uri>, partitioned: true}, or leave it out."
        )
    instead = "{{ partition_key }}" if partitioned else "{{ run_date }} or {{ run_time }}, which every run has"
    return (
        f"The query needs {name} (line {line} of the SQL), which runs that data starts do not have: they have no "
        f"date and no data interval. Use {instead}."
    )


def line_of(name: str, sql: str) -> int:
    """Return the first line of a query that needs a name; 0 if none does, or the query cannot be read."""
    return _asked(sql).get(name, 0)


def _asked(sql: str) -> dict[str, int]:
    """The names that a query needs, each with the first line that has it."""
    # Reading a folder of campaigns stays cheap where no query is suspected.
    from jinja2 import Environment, TemplateSyntaxError, nodes  # noqa: PLC0415 - imported late for the reason above

    try:
        template = Environment().parse(sql)  # noqa: S701 - SQL, and it is not rendered
    except TemplateSyntaxError:
        return {}
    lines = {each.name: each.lineno for each in reversed(list(template.find_all(nodes.Name)))}
    asking = (
        each for each in template.find_all((nodes.Test, nodes.Filter)) if each.name in {"defined", "default", "d"}
    )
    for each in asking:
        if isinstance(each.node, nodes.Name):
            lines.pop(each.node.name, None)
    return lines
