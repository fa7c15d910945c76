"""Whether the pinned Airflow knows the settings and commands that the deployment uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

_Services = Mapping[str, Mapping[str, Any]]

_UNKNOWN_COMMANDS = """
import json, sys
from airflow.cli.cli_parser import get_parser
parser = get_parser()
unknown = []
for command in json.load(sys.stdin):
    try:
        parser.parse_args(command)
    except SystemExit:
        unknown.append(command)
print(json.dumps(unknown))
"""

needs_celery = pytest.mark.skipif(
    find_spec("airflow.providers.celery") is None, reason="the Celery provider is not installed"
)


def _settings(services: _Services) -> set[tuple[str, str]]:
    names = {name for service in services.values() for name in service.get("environment", {})}
    parts = (name.split("__") for name in names if name.startswith("AIRFLOW__"))
    return {(section.lower(), option.lower()) for _, section, option in parts}


def _described_by_airflow() -> Mapping[str, Any]:
    origin = find_spec("airflow").origin  # type: ignore[union-attr]
    text = (Path(str(origin)).parent / "config_templates" / "config.yml").read_text(encoding="utf-8")
    # The loader in C, where there is one: the file is long.
    described: Mapping[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return described


def _unknown(settings: set[tuple[str, str]], described: Mapping[str, Any]) -> list[str]:
    return [
        f"[{section}] {option}"
        for section, option in sorted(settings)
        if option not in described.get(section, {"options": {}})["options"]
    ]


def _commands(services: _Services) -> list[list[str]]:
    airflow = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
    checks = [services[name]["healthcheck"]["test"] for name in airflow]
    return [
        ["db", "migrate"],
        *(services[name]["command"].split() for name in airflow),
        *(check[2:] for check in checks if check[:2] == ["CMD", "airflow"]),
    ]


def _unknown_commands(commands: list[list[str]], home: Path) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _UNKNOWN_COMMANDS],
        input=json.dumps(commands),
        env={"PATH": os.defpath, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"},
        capture_output=True,
        text=True,
        check=True,
    )
    unknown: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return unknown


def test_airflow_knows_every_setting(services: _Services) -> None:
    settings = {(section, option) for section, option in _settings(services) if not section.startswith("celery")}
    assert settings
    assert _unknown(settings, _described_by_airflow()) == []


@needs_celery
def test_the_celery_provider_knows_every_setting(services: _Services) -> None:
    described = import_module("airflow.providers.celery.get_provider_info").get_provider_info()["config"]
    settings = {(section, option) for section, option in _settings(services) if section.startswith("celery")}
    assert settings
    assert _unknown(settings, described) == []


@needs_celery
def test_airflow_knows_every_command(services: _Services, tmp_path: Path) -> None:
    commands = _commands(services)
    assert ["celery", "worker"] in commands
    assert ["jobs", "check", "--job-type", "TriggererJob", "--local"] in commands
    of_airflow_2 = ["webserver"]
    assert _unknown_commands([*commands, of_airflow_2], tmp_path) == [of_airflow_2]


@needs_celery
def test_the_workers_health_check_names_the_application_of_the_celery_provider(services: _Services) -> None:
    check = services["worker"]["healthcheck"]["test"][1].split()
    module = check[check.index("--app") + 1].removesuffix(".app")
    assert find_spec(module) is not None
