from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from phonon.campaign.model import Campaign
from phonon.campaign.schema import campaign_schema, main, schema_text

PROJECT = Path(__file__).parents[2]
COMMITTED = PROJECT / "include" / "campaigns" / "schema.json"

REQUIRED = {"name": "a", "contacts": "SELECT 1", "contact_id": "id", "numbers": ["mobile"], "flow_id": "wruHzoCK"}


def keys_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for place in (schema, *schema["$defs"].values()):
        yield from place.get("properties", {}).items()


def validator() -> Draft202012Validator:
    return Draft202012Validator(campaign_schema())


def test_the_committed_schema_is_current() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_one_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(campaign_schema())
    assert campaign_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_has_a_description_and_examples() -> None:
    bare = [key for key, schema in keys_of(campaign_schema()) if not {"description", "examples"} <= schema.keys()]
    assert bare == []


def test_every_key_of_a_campaign_is_in_the_schema() -> None:
    keys = {key for key, _ in keys_of(campaign_schema())}
    assert set(Campaign.model_fields) <= keys


def test_every_example_fits_its_own_key() -> None:
    schema = campaign_schema()
    for key, described in schema["properties"].items():
        for example in described["examples"]:
            assert list(validator().iter_errors({**REQUIRED, key: example})) == []
            assert Campaign.model_validate({**REQUIRED, "purpose": "service", key: example})


@pytest.mark.parametrize(
    "keys",
    [
        {"unheard_of": 1},
        {"purpose": "servise"},
        {"flow_id": "abc"},
        {"numbers": []},
        {"variables": {"$flow.key.Name": "first_name"}},
        {"window": {"open": "25:00"}},
        {"limits": {"max_calls": 0}},
        {"schedule": {"new_rows": {}}},
        {"name": "a..b"},
    ],
)
def test_the_schema_refuses_what_the_campaign_refuses(keys: dict[str, Any]) -> None:
    assert list(validator().iter_errors({**REQUIRED, **keys}))


@pytest.mark.parametrize("path", sorted(COMMITTED.parent.glob("*.yaml")), ids=lambda path: path.name)
def test_the_campaigns_that_come_with_the_project_fit_the_schema(path: Path) -> None:
    as_json = json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))
    assert [error.message for error in validator().iter_errors(as_json)] == []


def test_the_command_writes_the_schema_and_then_finds_it_current(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    assert main([str(path)]) == 0
    assert path.read_text(encoding="utf-8") == schema_text()
    assert main(["--check", str(path)]) == 0


def test_the_check_fails_for_a_schema_that_is_missing_or_old(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "schema.json"
    assert main(["--check", str(path)]) == 1
    path.write_text("{}", encoding="utf-8")
    assert main(["--check", str(path)]) == 1
    assert path.read_text(encoding="utf-8") == "{}"
    assert "Write it anew: python -m phonon.campaign.schema" in capsys.readouterr().err


def test_the_command_gives_the_same_in_every_process(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        path = tmp_path / f"schema{seed}.json"
        command = [sys.executable, "-m", "phonon.campaign.schema", str(path)]
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(PROJECT / "plugins")}
        subprocess.run(command, check=True, env=environment)
    assert (tmp_path / "schema1.json").read_bytes() == (tmp_path / "schema2.json").read_bytes()
