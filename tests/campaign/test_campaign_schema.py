from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from phonon.campaign.model import Campaign
from phonon.campaign.schedule import PRESETS
from phonon.campaign.schema import campaign_schema, main, schema_text

PROJECT = Path(__file__).parents[2]
COMMITTED = PROJECT / "include" / "campaigns" / "schema.json"

REQUIRED = {"name": "a", "contacts": "SELECT 1", "contact_id": "id", "numbers": ["mobile"], "flow_id": "wruHzoCK"}


def keys_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for place in (schema, *schema["$defs"].values()):
        yield from place.get("properties", {}).items()


_SCHEDULES = (
    *PRESETS,
    "0 9 * * MON-SAT",
    " 0  9 * * mon,wed\t",
    "*/5 9-17 1,15 jan-mar *",
    "0 9 L * *",
    "0 9 * * fri#2",
    "0 9 * * L5",
    "0 9 ? * 1",
    "0 9 * * * 30",
    "@Daily",
)


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
        {"schedule": "@continuous"},
        {"schedule": "@none"},
        {"schedule": "@dialy"},
        {"schedule": "none"},
        {"schedule": ""},
        {"schedule": "0 9 * *"},
        {"schedule": "0 9 * * MON SAT 1"},
        {"schedule": "nine in the morning, daily!"},
        {"name": "a..b"},
    ],
)
def test_the_schema_refuses_what_the_campaign_refuses(keys: dict[str, Any]) -> None:
    assert list(validator().iter_errors({**REQUIRED, **keys}))


_CRON_FIELDS = (
    "*",
    "?",
    "1",
    "1-5",
    "1,3",
    "*/2",
    "1-5/2",
    "mon",
    "SUN",
    "jan",
    "mon-fri",
    "L",
    "L5",
    "15W",
    "fri#2",
)
_CRON_FIELD = st.sampled_from(_CRON_FIELDS) | st.text("0123456789*,/-?#LWHRMONjan", max_size=4)


@given(st.lists(_CRON_FIELD, min_size=5, max_size=6).map(" ".join) | st.sampled_from(_SCHEDULES))
def test_the_schema_takes_every_schedule_that_a_campaign_takes(schedule: str) -> None:
    keys = {**REQUIRED, "schedule": schedule}
    try:
        Campaign.model_validate(keys)
    except ValidationError:
        return
    assert list(validator().iter_errors(keys)) == []


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
