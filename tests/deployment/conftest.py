"""The files of the deployment, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

_ASSIGNMENT = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def compose_text(project: Path) -> str:
    """docker-compose.yaml as it is written, with its variables."""
    return (project / "docker-compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def services(compose_text: str) -> Mapping[str, Mapping[str, Any]]:
    """The services by their names."""
    found: Mapping[str, Mapping[str, Any]] = yaml.safe_load(compose_text)["services"]
    return found


@pytest.fixture(scope="session")
def example_text(project: Path) -> str:
    """.env.example as it is written."""
    return (project / ".env.example").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def example(example_text: str) -> Mapping[str, str]:
    """The variables that .env.example sets, commented ones not among them."""
    return dict(_ASSIGNMENT.findall(example_text))
