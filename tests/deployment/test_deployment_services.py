"""What docker-compose.yaml promises about its services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_Services = Mapping[str, Mapping[str, Any]]

_ONE_SHOT = "init"
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def _holders(services: _Services, variable: str) -> set[str]:
    return {name for name, service in services.items() if variable in service.get("environment", {})}


def test_every_part_of_airflow_is_there(services: _Services) -> None:
    expected = {"postgres", "redis", "init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert set(services) == expected | {"simulator"}


def test_every_service_that_stays_has_a_health_check_and_is_restarted(services: _Services) -> None:
    staying = {name: service for name, service in services.items() if name != _ONE_SHOT}
    assert {name for name, service in staying.items() if "test" not in service.get("healthcheck", {})} == set()
    assert {service["restart"] for service in staying.values()} == {"unless-stopped"}


def test_the_initialisation_runs_once(services: _Services) -> None:
    assert services[_ONE_SHOT]["restart"] == "no"


def test_airflow_waits_for_the_initialisation(services: _Services) -> None:
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        assert services[name]["depends_on"][_ONE_SHOT] == {"condition": "service_completed_successfully"}


def test_ports_are_open_to_this_machine_only(services: _Services) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_there_can_be_many_workers(services: _Services) -> None:
    assert services["worker"].keys().isdisjoint({"container_name", "hostname", "ports"})


def test_a_worker_is_given_time_to_finish_what_is_in_flight(services: _Services) -> None:
    amount, unit = re.fullmatch(r"(\d+)([smh])", services["worker"]["stop_grace_period"]).groups()  # type: ignore[union-attr]
    assert int(amount) * _SECONDS[unit] >= 120


def test_the_stand_in_runs_only_when_it_is_asked_for(services: _Services) -> None:
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == {
        "simulator": ["simulator"]
    }


def test_the_security_id_reaches_the_workers_and_nobody_else(services: _Services) -> None:
    assert _holders(services, "AIRFLOW_CONN_PHONON_DEFAULT") == {"worker"}


def test_the_ledgers_password_reaches_its_database_and_the_workers_only(services: _Services) -> None:
    assert _holders(services, "AIRFLOW_CONN_PHONON_LEDGER") == {"worker"}
    assert _holders(services, "PHONON_LEDGER_PASSWORD") == {"postgres"}


def test_a_new_campaign_calls_nobody_before_it_is_switched_on(services: _Services) -> None:
    assert services["dag-processor"]["environment"]["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "true"
