"""What the values for Airflow's Helm chart promise. Nothing here has the chart itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from phonon.dispatch.rules import SendingRules

_WORKERS = {"AIRFLOW_CONN_PHONON_DEFAULT", "AIRFLOW_CONN_PHONON_LEDGER", "AIRFLOW_CONN_WAREHOUSE"}


@pytest.fixture(scope="module")
def values(project: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((project / "deploy" / "helm" / "values.yaml").read_text("utf-8"))
    return found


def _names(part: Mapping[str, Any]) -> set[str]:
    return {each["name"] for each in part.get("env", [])}


def test_the_charts_airflow_is_the_pinned_one(project: Path, values: Mapping[str, Any]) -> None:
    pinned = (project / "requirements.txt").read_text("utf-8").splitlines()
    assert f"apache-airflow=={values['airflowVersion']}" in pinned


def test_the_auth_manager_is_one_that_the_image_has(values: Mapping[str, Any]) -> None:
    """The chart's default is FAB's, of a provider that is not among the pinned."""
    module, _, name = values["config"]["core"]["auth_manager"].rpartition(".")
    assert hasattr(import_module(module), name)


def test_a_pod_is_given_more_time_than_its_sender_takes_to_end(values: Mapping[str, Any]) -> None:
    (grace,) = (each.default for each in fields(SendingRules) if each.name == "grace_seconds")
    assert values["workers"]["kubernetes"]["terminationGracePeriodSeconds"] >= 2 * grace
    assert values["workers"]["celery"]["terminationGracePeriodSeconds"] >= 2 * grace


def test_the_security_id_and_the_ledger_reach_what_sends_and_nothing_else(values: Mapping[str, Any]) -> None:
    holders = {name: _names(part) for name, part in values.items() if isinstance(part, Mapping) and "env" in part}
    assert holders == {"workers": _WORKERS, "triggerer": {"AIRFLOW_CONN_WAREHOUSE"}}
    assert values.keys().isdisjoint({"env", "secret", "extraEnv", "extraEnvFrom"}), "those are for every pod"


def test_no_secret_is_written_into_the_values(values: Mapping[str, Any]) -> None:
    for part in ("workers", "triggerer"):
        assert [each for each in values[part]["env"] if set(each) != {"name", "valueFrom"}] == []
    assert values.keys().isdisjoint({"fernetKey", "apiSecretKey", "jwtSecret"})
    assert set(values["data"]) == {"metadataSecretName"}


def test_the_broker_keeps_a_task_as_long_as_in_compose(
    values: Mapping[str, Any], services: Mapping[str, Mapping[str, Any]]
) -> None:
    compose = services["worker"]["environment"]["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"]
    assert values["config"]["celery_broker_transport_options"]["visibility_timeout"] == int(compose)
