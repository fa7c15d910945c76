"""A user's Dag is type-checked as strictly as they like, with Airflow's own types and ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from docs.snippets import PROJECT, snippets

_A_USERS = """
from airflow.sdk import task
from phonon.hooks.phonon import CreateResult, OutboundCall, PhononHook
from phonon.operators.outbound import PhononOutboundOperator


@task(retries=0)
def call() -> CreateResult:
    one = OutboundCall("a", ["919999912345"], {"Name": "Asha"})
    result = PhononHook().create_calls(flow_id="wE1comE9", calls=[one])
    reveal_type(result.request_id)
    return result


PhononOutboundOperator(
    task_id="fine",
    contacts="SELECT 1",
    contact_id="id",
    numbers=["mobile"],
    flow_id="wE1comE9",
    window={"open": "11:00"},
    approval=None,
)
PhononOutboundOperator(task_id="wrong", contacts="SELECT 1", contact_id="id", numbers=["mobile"], flow_id=5)
PhononHook().create_calls(flow_id="wE1comE9", calls="9999912345")
"""


def check(folder: Path) -> list[str]:
    """What mypy says of the files of a folder, line by line."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(PROJECT / ".mypy_cache" / "users"), "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(PROJECT / "plugins")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def test_the_package_says_that_it_is_typed() -> None:
    assert (PROJECT / "plugins" / "phonon" / "py.typed").is_file()


def test_the_dags_of_the_docs_and_of_the_examples_pass_and_a_users_mistakes_are_found(tmp_path: Path) -> None:
    for number, snippet in enumerate(snippets(PROJECT / "docs" / "own-dag.md")):
        if snippet.kind == "python":
            (tmp_path / f"snippet_{number}.py").write_text(snippet.text, encoding="utf-8")
    for example in (PROJECT / "dags").glob("*.py"):
        (tmp_path / example.name).write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "a_users.py").write_text(_A_USERS, encoding="utf-8")
    said = check(tmp_path)
    assert [line for line in said if not line.startswith(("a_users.py:", "Found "))] == []
    found = "\n".join(line for line in said if line.startswith("a_users.py:"))
    assert found.count("a_users.py:") == 3
    assert 'Revealed type is "str | None"' in found
    assert 'Argument "flow_id" to "PhononOutboundOperator" has incompatible type "int"; expected "str"' in found
    assert 'Argument "calls" to "create_calls" of "PhononHook" has incompatible type "str"' in found
