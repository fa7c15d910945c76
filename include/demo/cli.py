"""``./phonon``: the project's command with the connections of ``make up``, or of the last ``make demo``."""

from __future__ import annotations

import os
import sys

from demo.world import PROJECT, World

_STANDIN = "http://127.0.0.1:8088"


def main() -> int:
    """Become the command ``phonon``; whoever has connections of their own in the environment keeps them."""
    environment = dict(os.environ)
    if not any(name.startswith("AIRFLOW_CONN_") or name == "AIRFLOW_HOME" for name in environment):
        world = _latest()
        if world is None:
            print("There is nothing to look at yet: run make demo or make up first.", file=sys.stderr)
            return 1
        url = world.folder / "phonon.url"
        standin = url.read_text(encoding="utf-8").strip() if url.exists() else _STANDIN
        environment = world.environment(standin)
    os.chdir(PROJECT)
    return os.execve(sys.executable, [sys.executable, "-m", "phonon.cli", *sys.argv[1:]], environment)  # noqa: S606


def _latest() -> World | None:
    """The world that was filled or used last."""
    worlds = [World(PROJECT / name) for name in (".airflow", ".demo")]
    found = [world for world in worlds if world.warehouse.exists()]
    return max(found, key=lambda world: world.warehouse.stat().st_mtime, default=None)


if __name__ == "__main__":
    sys.exit(main())
