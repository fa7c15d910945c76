"""What goes into the image."""

from __future__ import annotations

import re
from pathlib import Path


def _copied(project: Path) -> set[str]:
    lines = re.findall(r"^COPY (.+)$", (project / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def test_the_images_airflow_is_the_pinned_one(project: Path) -> None:
    base = re.search(
        r"^FROM apache/airflow:slim-([\d.]+)-python3\.11$", (project / "Dockerfile").read_text(), re.MULTILINE
    )
    assert base is not None
    assert f"apache-airflow=={base[1]}" in (project / "requirements.txt").read_text().splitlines()


def test_everything_that_is_copied_exists(project: Path) -> None:
    assert {source for source in _copied(project) if not (project / source).exists()} == set()


def test_nothing_but_what_is_copied_is_sent_to_the_build(project: Path) -> None:
    rules = [line for line in (project / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == _copied(project)


def test_the_image_holds_no_secret_and_leaves_the_user_alone(project: Path) -> None:
    instructions = re.findall(r"^[A-Z]+", (project / "Dockerfile").read_text(), re.MULTILINE)
    assert set(instructions) == {"FROM", "COPY", "RUN", "ENV"}
    assert re.findall(r"^ENV (.+)$", (project / "Dockerfile").read_text(), re.MULTILINE) == [
        "PYTHONPATH=/opt/airflow/include"
    ]
