"""From what pydantic found wrong with a campaign to problems that its author can mend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from phonon.campaign.approval import Approval
from phonon.campaign.backfill import Backfill
from phonon.campaign.document import Document, Location, key_path
from phonon.campaign.follow_up import FollowUp
from phonon.campaign.late import Late
from phonon.campaign.model import Campaign
from phonon.campaign.notification import Notification
from phonon.campaign.parts import Limits, OnUnknown, PerNumber, Window
from phonon.campaign.problems import Problem, did_you_mean, shortened
from phonon.campaign.schedule import AssetSchedule, NewRows
from phonon.campaign.shapes import CLOCK_EXPECTED

_MODELS: Mapping[Location, type[BaseModel]] = {
    (): Campaign,
    ("schedule",): AssetSchedule,
    ("window",): Window,
    ("limits",): Limits,
    ("limits", "per_number"): PerNumber,
    ("on_unknown",): OnUnknown,
    ("schedule", "new_rows"): NewRows,
    ("follow_up",): FollowUp,
    ("approval",): Approval,
    ("backfill",): Backfill,
    ("late",): Late,
    ("notify",): Notification,
}

_YAML_READS = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
}


def explain(error: ValidationError, document: Document) -> Iterator[Problem]:
    """Yield a problem for each of pydantic's errors, with its place in ``document``."""
    details = error.errors(include_url=False)
    for detail in details:
        if not _is_for_bad_entries(detail, details):
            yield _problem(detail, _location(detail), document)


def _is_for_bad_entries(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list is too short only because pydantic does not count the entries it has found wrong."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in details
    )


def _problem(detail: ErrorDetails, location: Location, document: Document) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return document.problem(location, _unknown_key(location), at_key=True)
    if kind == "missing":
        return document.problem(location, _missing_key(location))
    if kind == "clash":
        return document.problem((*location, *context["at"]), context["sentence"])
    expected, choices = _expected(detail, location)
    is_key = detail["loc"][-1] == "[key]"
    found, hint = (repr(shortened(str(location[-1]))), "") if is_key else _found(document.node(location), expected)
    near = did_you_mean(found.strip("'"), choices)
    return document.problem(location, f"Expected {expected}; found {found}.{hint}{near}", at_key=is_key)


def _location(detail: ErrorDetails) -> Location:
    """Return pydantic's location without what is no step in the file: tags of a union, the mark of a key."""
    steps = detail["loc"]
    return tuple(s for s in steps if not (isinstance(s, str) and re.fullmatch(r"<\w+>|\[key\]", s)))


def _unknown_key(location: Location) -> str:
    name, parent = str(location[-1]), _model_at(location[:-1])
    known = list(_MODELS[parent].model_fields)
    elsewhere = [where for where, model in _MODELS.items() if name in model.model_fields]
    if elsewhere:
        home = f"under {key_path(elsewhere[0])}" if elsewhere[0] else "at the top of the file, not indented"
        return f"There is no key {shortened(name)!r} here; it belongs {home}."
    subject = f"of {key_path(parent)}" if parent else "of a campaign"
    return (
        f"There is no key {shortened(name)!r}. The keys {subject}: {', '.join(known)}.{did_you_mean(name, known)}"
    )


def _model_at(location: Location) -> Location:
    """Return where the keys of a place are described: all entries of a list have the same."""
    return tuple(step for step in location if not isinstance(step, int))


def _missing_key(location: Location) -> str:
    name = str(location[-1])
    field = _MODELS[_model_at(location[:-1])].model_fields[name]
    return f"The key {name!r} is required. {field.description}"


def _expected(detail: ErrorDetails, location: Location) -> tuple[str, tuple[str, ...]]:
    """Return what would have been right, in words, and all the choices if they can be listed."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "wrong":
        return context["expected"], context.get("choices", ())
    if kind == "enum":
        choices = tuple(re.findall("'([^']*)'", context["expected"]))
        return f"one of {', '.join(choices)}", choices
    limit = next(
        (context[each] for each in ("min_length", "max_length", "ge", "gt", "le") if each in context), None
    )
    words = {
        "string_type": "text",
        "int_type": "a whole number",
        "greater_than_equal": f"a whole number of {limit} or more",
        "less_than_equal": f"a whole number of {limit} or less",
        "greater_than": f"a whole number above {limit}",
        "tuple_type": f"a list, like [{'mon, tue' if 'days' in location else 'mobile'}]",
        "too_short": f"a list of at least {limit}",
        "too_long": f"a list of at most {limit}",
        "dict_type": "a mapping, like {Name: first_name}",
        "model_type": f"a mapping with the keys {', '.join(_MODELS[location].model_fields)}"
        if location in _MODELS
        else "a mapping",
    }
    return words.get(kind, detail["msg"]), ()


def _found(node: Node | None, expected: str) -> tuple[str, str]:
    """Return what is in the file, and a hint on how to write it if YAML took text for something else."""
    if isinstance(node, ScalarNode):
        return _found_scalar(node, expected)
    if isinstance(node, MappingNode):
        return f"a mapping with the keys {shortened(', '.join(str(key.value) for key, _ in node.value))}", ""
    return (f"a list of {len(node.value)}" if isinstance(node, SequenceNode) else "nothing"), ""


def _found_scalar(node: ScalarNode, expected: str) -> tuple[str, str]:
    written = shortened(node.value)
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        return repr(written), ""
    if kind == "null":
        return "nothing", " Give it a value."
    reads = f"{written}, which YAML reads as {_YAML_READS.get(kind, kind)}"
    if expected != "text" and CLOCK_EXPECTED not in expected:
        return reads, ""
    clock = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", node.value)
    quoted = f"{int(clock[1]):02d}:{clock[2]}" if clock else written
    return reads, f' Quote it: "{quoted}".'
