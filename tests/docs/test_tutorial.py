"""docs/tutorial.md is done, step by step, in an empty folder; only installing and clicking are left out."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from demo.server import free_port
from docs.snippets import PROJECT, Snippet, snippets

_PAGE = PROJECT / "docs" / "tutorial.md"
_INSTEAD = {
    # Standalone does this and then waits for the clock.
    "airflow standalone": "airflow dags reserialize",
    ". .venv/bin/activate": "",
    # Only shows what the command before it did, and takes seconds.
    "airflow dags next-execution renewal_reminder": "",
}
_STEP = "<<< step "


@pytest.mark.timeout(600)
def test_the_tutorial_leads_to_a_scheduled_campaign(tmp_path: Path) -> None:
    steps = snippets(_PAGE)
    port = str(free_port())
    script = ["set -euo pipefail", "trap 'kill $(jobs -p)' EXIT"]
    for number, step in enumerate(steps):
        text = step.text.replace("8088", port)
        if step.file:
            script += [f"mkdir -p $(dirname {step.file})", f"cat > {step.file} <<'END_OF_FILE'\n{text}END_OF_FILE"]
        elif step.kind == "sh" and "pip install" not in text:
            script += [f"echo '{_STEP}{number}'", *(_INSTEAD.get(line, line) for line in text.splitlines())]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    for told, output in _told(steps, done.stdout):
        words = [re.escape(word).replace(re.escape("..."), ".*") for word in told.split()]
        assert re.search(r"\s+".join(words), output), f"{told!r} is not in:\n{output[-2000:]}"
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as warehouse:
        [accepted] = warehouse.execute(
            "SELECT count(*) FROM phonon_call_results WHERE status = 'accepted'"
        ).fetchone()
    assert accepted > 40
    with sqlite3.connect(tmp_path / "airflow" / "airflow.db") as metadata:
        found = {name for (name,) in metadata.execute("SELECT dag_id FROM dag")}
    assert found >= {"renewal_reminder", "phonon_held_batches", "phonon_pause", "phonon_ledger_maintenance"}
    assert not re.search(r"99999[ -]?\d{5}|TUTORIALTUTORIAL", done.stdout)


def _environment(folder: Path) -> dict[str, str]:
    """What is left of a terminal after the installation."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        "PYTHONPATH": str(PROJECT / "plugins"),
        "PHONON_PROJECT": str(PROJECT),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def _told(steps: list[Snippet], output: str) -> Iterator[tuple[str, str]]:
    """Each line that the page says is printed, with what the commands before it printed."""
    printed = {}
    for part in output.split(_STEP)[1:]:
        number, _, text = part.partition("\n")
        printed[int(number)] = text
    for number, step in enumerate(steps):
        if step.kind == "text":
            for line in step.text.splitlines():
                yield line, printed[number - 1]
