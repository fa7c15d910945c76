"""The connection type as Airflow sees it: valid, with exactly the fields that a connection may have."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from phonon.api.connection import read_connection
from phonon.errors import ConfigurationError
from phonon.get_provider_info import get_provider_info
from phonon.hooks.phonon import PhononHook

PROJECT = Path(__file__).resolve().parents[2]
SECURITY_ID = "Wv65" * 16


def form() -> dict[str, Any]:
    (connection_type,) = get_provider_info()["connection-types"]
    fields: dict[str, Any] = connection_type["conn-fields"]
    return fields


def test_it_is_valid_by_airflows_own_schema() -> None:
    airflow = find_spec("airflow")
    assert airflow is not None
    assert airflow.origin is not None
    schema = json.loads((Path(airflow.origin).parent / "provider_info.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(get_provider_info(), schema)


def test_it_tells_the_version_and_the_name_of_the_project() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = get_provider_info()
    assert (info["package-name"], info["versions"][0]) == (project["name"], project["version"])


def test_the_form_has_exactly_the_keys_that_a_connection_may_have() -> None:
    with pytest.raises(ConfigurationError) as told:
        read_connection("phonon_default", SECURITY_ID, {"nonsense": 1})
    known = str(told.value).partition("Known are ")[2].rstrip(".").split(", ")
    assert len(known) == 10
    assert sorted(form()) == sorted(known)


def test_a_form_that_was_left_empty_is_a_good_connection() -> None:
    empty = dict.fromkeys(form())
    assert read_connection("phonon_default", SECURITY_ID, empty) == read_connection(
        "phonon_default", SECURITY_ID, {}
    )


@pytest.mark.parametrize("key", ["api_version", "limit_unit"])
def test_every_choice_of_the_form_is_accepted(key: str) -> None:
    for choice in form()[key]["schema"]["enum"]:
        assert read_connection("phonon_default", SECURITY_ID, {key: choice})


@pytest.mark.parametrize("key", ["api_version", "limit_unit"])
def test_a_list_of_the_form_names_what_no_choice_means(key: str) -> None:
    schema = form()[key]["schema"]
    usual = {"api_version": "1.0", "limit_unit": "calls"}[key]
    assert schema["values_display"]["null"] == f"{usual} (the default)"
    assert read_connection("a", SECURITY_ID, {key: usual}) == read_connection("a", SECURITY_ID, {})


def test_the_project_announces_itself_to_airflow() -> None:
    found = [entry for entry in entry_points(group="apache_airflow_provider") if entry.dist is not None]
    (ours,) = [entry for entry in found if entry.value.startswith("phonon.")]
    assert ours.load() is get_provider_info


def test_airflow_lists_the_connection_type_with_its_hook_and_form() -> None:
    manager = ProvidersManager()
    manager.initialize_providers_hooks()
    hook = ProvidersManagerTaskRuntime().hooks["phonon"]
    assert hook is not None
    assert hook.hook_class_name == f"{PhononHook.__module__}.{PhononHook.__qualname__}"
    assert (hook.hook_name, hook.connection_id_attribute_name) == ("Phonon", "phonon_conn_id")
    behaviour = manager.field_behaviours["phonon"]
    assert behaviour["relabeling"] == {"password": "Security id"}
    assert sorted(behaviour["hidden_fields"]) == ["host", "login", "port", "schema"]
    widgets = {name for name in manager.connection_form_widgets if name.startswith("extra__phonon__")}
    assert widgets == {f"extra__phonon__{key}" for key in form()}
