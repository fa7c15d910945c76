"""Every fenced block of README.md and docs/*.md is what it says: campaigns load, commands exist, code and SQL run.

A ``yaml`` block with ``name`` and ``contacts`` is a campaign; one whose keys are a campaign's is a part of one; any
other begins with a comment that names its file. A block after a line that ends in "`path`:" is that file.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
import yaml
from click import ClickException
from typer.core import TyperGroup
from typer.main import get_command

from demo.seed import seed, today_at
from docs.snippets import PAGES, PROJECT, Snippet, all_of, snippets
from phonon.campaign.loading import load_campaign
from phonon.campaign.model import Campaign
from phonon.cli.app import app
from phonon.warehouse import tables
from phonon.warehouse.dialect import DUCKDB

_KINDS = {"yaml", "json", "python", "sh", "sql", "text", ""}
_BASE = {
    "name": "base",
    "contacts": "SELECT policy_id, mobile, alternate_mobile FROM policies",
    "contact_id": "policy_id",
    "numbers": ["mobile"],
    "flow_id": "wruHzoCK",
}
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _yamls(*, campaigns: bool) -> list[Snippet]:
    return [each for each in all_of("yaml") if bool(_keys(each) & set(Campaign.model_fields)) == campaigns]


def _keys(snippet: Snippet) -> set[str]:
    content = yaml.load(snippet.text, Loader=yaml.BaseLoader)
    return set(content) if isinstance(content, dict) else set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is_and_every_link_leads_somewhere(page: Path) -> None:
    assert {each.kind for each in snippets(page)} <= _KINDS
    links = [link.split("#")[0] for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    local = [link for link in links if link and "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("snippet", _yamls(campaigns=True), ids=str)
def test_a_campaign_or_a_part_of_one_loads(snippet: Snippet, tmp_path: Path) -> None:
    path = tmp_path / "campaigns" / "campaign.yaml"
    path.parent.mkdir()
    given = yaml.load(snippet.text, Loader=yaml.BaseLoader)
    missing = {key: value for key, value in _BASE.items() if key not in given}
    path.write_text(f"{snippet.text}\n{yaml.safe_dump(missing) if missing else ''}", encoding="utf-8")
    for key in ("contacts", "suppress"):
        if str(given.get(key, "")).strip().endswith(".sql"):
            sql = tmp_path / "include" / given[key]
            sql.parent.mkdir(parents=True, exist_ok=True)
            sql.write_text("SELECT 1", encoding="utf-8")
    assert load_campaign(path, include=tmp_path / "include")


def test_other_yaml_names_its_file_and_is_yaml() -> None:
    for snippet in _yamls(campaigns=False):
        named = snippet.file or re.match(r"# \S+\.ya?ml\b", snippet.text)
        assert named, f"{snippet}: keys of no campaign, and no file's name"
        assert list(yaml.safe_load_all(snippet.text)) != [None], snippet


def test_json_is_json() -> None:
    for snippet in all_of("json"):
        json.loads(snippet.text)


@pytest.mark.parametrize("snippet", all_of("python"), ids=str)
def test_python_runs_and_a_dag_in_it_is_one(
    snippet: Snippet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import DAG  # noqa: PLC0415 - takes seconds, which the other snippets need not wait for

    monkeypatch.chdir(tmp_path)
    (tmp_path / "include").symlink_to(PROJECT / "include")  # what a Dag file of a project has beside it
    module = ModuleType("snippet")
    module.__file__ = str(tmp_path / (snippet.file or "snippet.py"))
    made: list[str] = []
    monkeypatch.setattr(DAG, "__exit__", _noting(DAG.__exit__, made))
    exec(compile(snippet.text, str(snippet), "exec"), module.__dict__)
    assert bool(made) == bool(re.search(r"@dag|DAG\(|_dags?\(", snippet.text))


def _noting(leave: Any, made: list[str]) -> Any:
    def noted(dag: Any, *error: Any) -> Any:
        made.append(dag.dag_id)
        return leave(dag, *error)

    return noted


@pytest.mark.parametrize("snippet", all_of("sh"), ids=str)
def test_the_commands_of_a_shell_snippet_exist_with_their_options(snippet: Snippet) -> None:
    for command in snippet.commands():
        _check(command)


def _check(command: list[str]) -> None:
    """Raise unless a command exists with these options; what is not ours or Airflow's is taken as it is."""
    match command:
        case ["phonon", *words]:
            _check_phonon(words)
        case ["make", *words]:
            assert {word for word in words if "=" not in word and not word.startswith("-")} <= _targets(), command
        case ["airflow", *words]:
            _airflow_parser().parse_args(words)
        case ["python" | "python3", "-c", code, *_]:
            ast.parse(code)
        case ["python" | "python3", "-m", module, *words]:
            _check_module(module, words)
        case _:
            pass


def _check_phonon(words: list[str]) -> None:
    """Have click read the words, down to the command that they name, without running it."""
    command: Any = get_command(app)
    while True:
        context = command.context_class(command, resilient_parsing=True)
        options, rest, _ = command.make_parser(context).parse_args(args=list(words))
        if not isinstance(command, TyperGroup) or options.get("help"):
            break
        named = rest[0] if rest else ""
        assert named in command.commands, f"phonon has no command {named!r}"
        command, words = command.commands[rest[0]], rest[1:]
    assert not rest, f"too many words: {rest}"
    absent = [each.name for each in command.params if each.required and options.get(each.name) in (None, ())]
    assert not absent or options.get("help"), f"{command.name} needs {absent}"


def _check_module(module: str, words: list[str]) -> None:
    if module in {"venv", "pip"}:
        return
    found = importlib.util.find_spec(module)
    assert found is not None, f"there is no module {module}"
    assert found.origin is not None, f"{module} is only a folder"
    folder = Path(found.origin).parent
    sources = folder.glob("*.py") if found.submodule_search_locations else [Path(found.origin)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    assert [option for option in options if f'"{option}"' not in text] == [], module


@cache
def _targets() -> frozenset[str]:
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z]+):", text, re.MULTILINE))


@cache
def _airflow_parser() -> Any:
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415 - as above

    return get_parser()


@pytest.mark.parametrize(
    "command",
    [
        "phonon helt list",
        "phonon held show",
        "phonon held show 1 2",
        "phonon pause --raeson x",
        "make dmeo",
        "airflow dags tset",
        "python -m no_such_module",
        "python -m phonon.campaign.schema --chekc x",
    ],
)
def test_a_command_that_is_wrong_is_found(command: str) -> None:
    with pytest.raises((AssertionError, ClickException, SystemExit)):
        _check(command.split())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The demo's warehouse with the results tables, in which the SQL of the pages runs."""
    path = tmp_path_factory.mktemp("docs") / "warehouse.duckdb"
    seed(path, contacts=100, today=today_at(datetime.now(UTC)))
    with duckdb.connect(str(path)) as connection:
        for table in (tables.results_table("phonon_call_results"), tables.runs_table("phonon_call_results")):
            connection.execute(DUCKDB.create(table))
        yield connection


@pytest.mark.parametrize("snippet", [each for each in all_of("sql") if not each.file], ids=str)
def test_sql_runs_in_the_warehouse(snippet: Snippet, warehouse: Any) -> None:
    for statement in filter(str.strip, re.sub(r"\{\{.*?\}\}", "2026-11-24", snippet.text).split(";")):
        warehouse.execute(statement)


def test_the_pages_are_found() -> None:
    assert len(all_of("sh")) > 10
    assert len(_yamls(campaigns=True)) > 30
