"""The demo's folders hold numbers of contacts, though made-up ones: they show what a real set-up does."""

from __future__ import annotations

from pathlib import Path

from demo.world import World


def test_the_folders_of_a_demo_are_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir(mode=0o755)
    world = World(tmp_path / "demo")
    world.make()
    assert {f"{folder.stat().st_mode & 0o777:o}" for folder in (world.folder, world.airflow_home)} == {"700"}
