"""From an operator's keyword arguments to a campaign, or to what is wrong with them in their author's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from inspect import signature
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator
from pydantic import ValidationError
from yaml import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from phonon.campaign.document import Document
from phonon.campaign.explain import explain
from phonon.campaign.model import Campaign
from phonon.campaign.problems import did_you_mean, shortened
from phonon.errors import ConfigurationError

AIRFLOWS_OWN = frozenset(signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}
"""Keyword arguments that every operator takes."""

_OF_A_FILE = {
    "shards": "is for campaign files, whose Dag has a task of its own that sends. This operator is one task, which "
    "sends alone; leave it out"
}
_CAMPAIGN_KEYS = frozenset(Campaign.model_fields)
OPERATORS_KEYS = tuple(
    key for key in Campaign.model_fields if key not in AIRFLOWS_OWN | _OF_A_FILE.keys() | {"schedule"}
)
"""Keys of a campaign file that are keyword arguments of the operator, by the same names."""

_REQUIRED = frozenset(key for key, field in Campaign.model_fields.items() if field.is_required())
_NULL_IS_SAID = _REQUIRED | {"approval", "correlation_key"}
"""Keys for which None is said rather than left out: it is wrong, or means never and none."""

OF_A_START = ("dry_run", "limit", "test_numbers")
"""Keyword arguments that say how a run starts, as the form of a campaign's Dag does."""

_OF_THE_DAG = (frozenset(signature(DAG).parameters) - AIRFLOWS_OWN - _CAMPAIGN_KEYS) | {"schedule"}
_OTHER_WORDS = {
    **dict.fromkeys(
        ("conn_id", "http_conn_id", "phonon_connection", "connection_id", "phonon_connection_id"), "phonon_conn_id"
    ),
    **dict.fromkeys(
        (
            "sql_conn_id",
            "database_conn_id",
            "duckdb_conn_id",
            "postgres_conn_id",
            "snowflake_conn_id",
            "gcp_conn_id",
            "redshift_conn_id",
            "mysql_conn_id",
            "sqlite_conn_id",
        ),
        "warehouse_conn_id",
    ),
    **dict.fromkeys(("sql", "query", "hql", "select"), "contacts"),
    **dict.fromkeys(("number", "phone", "phones", "mobile", "contact_numbers"), "numbers"),
    **dict.fromkeys(("table", "destination_table", "table_name"), "results_table"),
    **dict.fromkeys(("data", "keys"), "variables"),
    **dict.fromkeys(("flow", "flow_version"), "flow_id"),
    "campaign": "name",
    "timeout": "execution_timeout",
    "exclude": "suppress",
    "do_not_call": "suppress",
}
"""What other operators call a thing, or people do: what it is called here."""

_INSIDE = {
    **dict.fromkeys(("max_calls", "per_number"), "limits"),
    **dict.fromkeys(("open", "close", "days", "timezone", "holidays"), "window"),
}
"""Keys that stand inside another one."""

_NEAR = 0.85
"""How alike a key of ``default_args`` has to be for a misspelt one. Others are for other operators of the Dag."""


class Usual(Enum):
    """Stands for a keyword argument that was not given, where None has a meaning of its own."""

    USUAL = "as usual"

    def __repr__(self) -> str:
        return self.name


USUAL = Usual.USUAL
_MADE_NAME = (
    "{} No name was given, so it was made from the ids of Dag and task. Give name=..., under which contacts are "
    "claimed, or change task_id."
)
_NOWHERE = Mark("", 0, 0, 0, None, 0)


def campaign_of(
    keys: Mapping[str, Any], *, task_id: str, problems: Iterable[str] = (), name_is_given: bool = True
) -> Campaign:
    """Make a campaign from keyword arguments.

    :param keys: by name; None for one that was not given, except where a campaign can have null there.
    :param problems: what is wrong with the arguments that are none of the campaign's.
    :param name_is_given: False if ``name`` was made from the ids of Dag and task.
    :raises ConfigurationError: names every bad argument, and says what is expected of it.
    """
    found = list(problems)
    found += [_of_the_dag(key, keys[key]) for key in sorted(_OF_THE_DAG & keys.keys())]
    found += [f"{key}: {said}." for key, said in _OF_A_FILE.items() if key in keys]
    campaign = None
    content = {
        key: value
        for key, value in keys.items()
        if key not in _OF_THE_DAG | _OF_A_FILE.keys() and not _is_left_out(key, value)
    }
    try:
        campaign = Campaign.model_validate(content)
    except ValidationError as error:
        found += [
            problem if name_is_given or not problem.startswith("name:") else _MADE_NAME.format(problem)
            for problem in _explained(error, content)
        ]
    if found or campaign is None:
        listed = "\n".join(f"- {problem}" for problem in found)
        raise ConfigurationError(f"Task {task_id!r} has keyword arguments that cannot be used:\n{listed}")
    return campaign


def unused_defaults(default_args: Mapping[str, Any]) -> list[str]:
    """What is wrong with keys of ``default_args`` that look like the campaign's, and would not count."""
    problems = [f"{key} in default_args: {said}." for key, said in _OF_A_FILE.items() if key in default_args]
    known = [*OPERATORS_KEYS, *OF_A_START]
    for key in default_args.keys() - AIRFLOWS_OWN - _OF_THE_DAG - _OF_A_FILE.keys() - set(known):
        meant = get_close_matches(key, known, n=1, cutoff=_NEAR)
        if meant:
            problems.append(f"{key} in default_args: There is no such key. Did you mean {meant[0]!r}?")
    return sorted(problems)


def _is_left_out(key: str, value: object) -> bool:
    """Whether an argument was not given: the campaign knows its default."""
    return value is USUAL or (value is None and key in OPERATORS_KEYS and key not in _NULL_IS_SAID)


def _of_the_dag(key: str, value: object) -> str:
    said = f"{key}: is the Dag's. Leave it out here and give it to DAG() or @dag, as @dag({key}=...)."
    if key == "schedule" and isinstance(value, Mapping):
        said += " {asset: <uri>} is [Asset(<uri>)] there; {new_rows: ...} is for campaign files only."
    return said


def wrong_start(*, dry_run: object, limit: object, test_numbers: object) -> list[str]:
    """What is wrong with the arguments that say how a run starts."""
    problems = []
    if not isinstance(dry_run, bool):
        problems.append(f"dry_run: Expected True or False; found a {type(dry_run).__name__}.")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        problems.append(f"limit: Expected a whole number of 1 or more, or None; found {shortened(repr(limit))}.")
    if not isinstance(test_numbers, list | tuple) or not all(map(_is_text_or_integer, test_numbers)):
        problems.append("test_numbers: Expected a list of phone numbers as text or integers; found something else.")
    return problems


def _is_text_or_integer(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _explained(error: ValidationError, keys: Mapping[str, Any]) -> list[str]:
    document = Document(Path(), [], _mapping(keys), dict(keys), ())
    return [_in_their_words(problem.key, problem.text) for problem in explain(error, document)]


def _in_their_words(key: str, text: str) -> str:
    """A problem of a campaign file, as one of a keyword argument."""
    if key in _INSIDE:
        return f"{key}: It belongs into {_INSIDE[key]}, as {_INSIDE[key]}={{{key!r}: ...}}."
    if key in _OTHER_WORDS:
        return f"{key}: There is no key {key!r}. Did you mean {_OTHER_WORDS[key]!r}?"
    return f"{key}: {text}{_among_airflows(key, text)}"


def _among_airflows(key: str, text: str) -> str:
    """A suggestion for a misspelt argument of Airflow's, which a campaign knows nothing of."""
    if key in _CAMPAIGN_KEYS or "." in key or "Did you mean" in text:
        return ""
    return did_you_mean(key, sorted(AIRFLOWS_OWN))


def _mapping(values: Mapping[Any, Any]) -> MappingNode:
    pairs: list[tuple[Node, Node]] = [(_text(str(key)), _node(value)) for key, value in values.items()]
    return MappingNode("tag:yaml.org,2002:map", pairs, _NOWHERE, _NOWHERE)


def _node(value: object) -> Node:
    """A value as the node of a campaign file that it would have come from."""
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return SequenceNode("tag:yaml.org,2002:seq", [_node(each) for each in value], _NOWHERE, _NOWHERE)
    if value is None:
        return ScalarNode("tag:yaml.org,2002:null", "", _NOWHERE, _NOWHERE)
    return _text(value if isinstance(value, str) else f"{value!r} ({type(value).__name__})")


def _text(value: str) -> ScalarNode:
    return ScalarNode("tag:yaml.org,2002:str", value, _NOWHERE, _NOWHERE)
