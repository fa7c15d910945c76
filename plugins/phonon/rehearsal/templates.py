"""The Jinja of a campaign's queries, rendered outside a run by the environment that Airflow renders it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pendulum
from airflow.sdk import DAG
from airflow.sdk.execution_time.context import MacrosAccessor, VariableAccessor
from jinja2 import TemplateSyntaxError, UndefinedError

from phonon.campaign.model import Campaign
from phonon.campaign.sql_names import instead_of, run_names
from phonon.errors import ConfigurationError
from phonon.redaction import masked
from phonon.rehearsal.occasion import Occasion

_JINJA = re.compile(r"\{[{%#]")
PARAMS: Mapping[str, Any] = {"dry_run": False, "limit": None, "test_numbers": None, "approve": False}
"""The parameters of a campaign's run, as they are when nobody changes them."""


def syntax_problem(campaign: Campaign, key: str, sql: str) -> str | None:
    """Say what is wrong with the Jinja of a query, or None. ``key``: the campaign's key that has it."""
    if not _JINJA.search(sql):
        return None
    try:
        _environment(campaign).from_string(sql)
    except TemplateSyntaxError as error:
        return f"The Jinja of {key} cannot be read (line {error.lineno} of the SQL): {_said(error)}."
    return None


def rendered(campaign: Campaign, key: str, sql: str, occasion: Occasion) -> str:
    """Render a query as the run would have it.

    :raises ConfigurationError: for Jinja that cannot be read, or that needs what only a real run has.
    """
    wrong = syntax_problem(campaign, key, sql)
    if wrong is not None:
        raise ConfigurationError(wrong)
    try:
        return str(_environment(campaign).from_string(sql).render(_context(campaign, occasion)))
    except UndefinedError as error:
        missing = re.fullmatch(r"'(\w+)' is undefined", _said(error))
        if missing:
            raise ConfigurationError(instead_of(missing[1], sql, key, _context(campaign, occasion))) from None
        undated = "" if occasion.logical_date else " A run that is started by data has no dates; give --date."
        raise ConfigurationError(f"The Jinja of {key} cannot be rendered here: {_said(error)}.{undated}") from None
    except Exception as error:  # noqa: BLE001 - a template can raise whatever it calls
        raise ConfigurationError(
            f"The Jinja of {key} failed: {type(error).__name__}: {_said(error)}. Correct it, or what it calls."
        ) from None


def _environment(campaign: Campaign) -> Any:
    return DAG(campaign.name, schedule=None).get_template_env()


def _context(campaign: Campaign, occasion: Occasion) -> dict[str, Any]:
    """What a template finds in a run, as far as it can be known outside one."""
    date = occasion.logical_date
    dag_run = SimpleNamespace(
        dag_id=campaign.name,
        run_id=occasion.run_id,
        run_type="manual" if date else "asset_triggered",
        run_after=pendulum.instance(occasion.at),
        logical_date=pendulum.instance(date) if date else None,
        data_interval_start=pendulum.instance(date) if date else None,
        data_interval_end=pendulum.instance(date) if date else None,
        conf={},
        partition_key=occasion.partition_key,
        partition_date=None,
    )
    found = {
        "dag_run": dag_run,
        "run_id": occasion.run_id,
        "partition_key": occasion.partition_key,
        "partition_date": None,
        "dag": SimpleNamespace(dag_id=campaign.name),
        "params": dict(PARAMS),
        "macros": MacrosAccessor(),
        "var": {"json": VariableAccessor(deserialize_json=True), "value": VariableAccessor(deserialize_json=False)},
    }
    # As for a run: the end of its interval, which is its date, else when it starts.
    found |= run_names(campaign.calling_window.timezone, date or occasion.at)
    return found | (_dates(date) if date else {})


def _dates(date: datetime) -> dict[str, Any]:
    at = pendulum.instance(date).in_timezone("UTC")
    ds, ts = at.strftime("%Y-%m-%d"), at.isoformat()
    return {
        "logical_date": at,
        "data_interval_start": at,
        "data_interval_end": at,
        "ds": ds,
        "ds_nodash": ds.replace("-", ""),
        "ts": ts,
        "ts_nodash": at.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
    }


def _said(error: Exception) -> str:
    return masked(str(error)).rstrip(".")
