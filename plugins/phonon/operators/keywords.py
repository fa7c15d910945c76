"""From an operator's keyword arguments to a campaign, or to what is wrong with them in their author's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

_CAMPAIGN_KEYS = frozenset(Campaign.model_fields)
_OF_THE_DAG = (frozenset(signature(DAG).parameters) - AIRFLOWS_OWN - _CAMPAIGN_KEYS) | {"schedule"}
_OF_A_FILE = {
    "shards": "is for campaign files, whose Dag has a task of its own that sends. This operator is one task, which "
    "sends alone; leave it out"
}
_NOWHERE = Mark("", 0, 0, 0, None, 0)


def campaign_of(keys: Mapping[str, Any], *, task_id: str, problems: Iterable[str] = ()) -> Campaign:
    """Make a campaign from keyword arguments.

    :param problems: what is wrong with the arguments that are none of the campaign's.

    Raises ConfigurationError that names every bad argument, and says what is expected of it.
    """
    found = list(problems)
    found += [_of_the_dag(key, keys[key]) for key in sorted(_OF_THE_DAG & keys.keys())]
    found += [f"{key}: {said}." for key, said in _OF_A_FILE.items() if key in keys]
    campaign = None
    content = {key: value for key, value in keys.items() if key not in _OF_THE_DAG | _OF_A_FILE.keys()}
    try:
        campaign = Campaign.model_validate(content)
    except ValidationError as error:
        found += _explained(error, content)
    if found or campaign is None:
        listed = "\n".join(f"- {problem}" for problem in found)
        raise ConfigurationError(f"Task {task_id!r} has keyword arguments that cannot be used:\n{listed}")
    return campaign


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
    return [
        f"{problem.key}: {problem.text}{_among_airflows(problem.key, problem.text)}"
        for problem in explain(error, document)
    ]


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
