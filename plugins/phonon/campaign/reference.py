"""The reference of campaign files, for people: ``python -m phonon.campaign.reference [--check] PATH``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel

from phonon.campaign import holiday_calendars, shapes
from phonon.campaign.model import Campaign
from phonon.campaign.schedule import AssetSchedule, NewRowsSchedule, Schedule
from phonon.campaign.schema import campaign_schema
from phonon.campaign.start import StartAt

_HEAD = """# Campaign file reference

Every key of a campaign file. This page is made from the code; do not edit it, but make it anew:
`python -m phonon.campaign.reference docs/campaign-file.md`.

A campaign is one YAML file in `include/campaigns/`, or in the folder that `PHONON_CAMPAIGNS` names. A key that is
not here is an error that names the nearest one, except that keys beginning with `x-` at the top of the file hold
YAML anchors and mean nothing else. `phonon campaigns check FILE` says everything that is wrong with a
file; editors complete keys and values from `include/campaigns/schema.json`.

The least there is:

```yaml
name: renewal_reminder
contacts: SELECT policy_id, mobile FROM policies
contact_id: policy_id
numbers: [mobile]
flow_id: wruHzoCK
```
"""

_WORDS: Sequence[tuple[Any, str]] = (
    (shapes.TimeOfDay, shapes.CLOCK_EXPECTED),
    (shapes.CalendarDate, "a date, like 2026-11-01"),
    (shapes.Duration, shapes.DURATION_EXPECTED),
    (shapes.Timezone, "a timezone of the IANA database"),
    (shapes.SqlOrPath, "a path that ends in .sql, or SQL"),
    (shapes.SqlQuery, "SQL with a SELECT"),
    (Schedule, "a cron expression or preset, a mapping (below), or null"),
    (StartAt, "now, a time of day, or a column"),
    (holiday_calendars.Holiday, "a date or a calendar"),
)
"""Types that only their own code explains, and what they take."""


def reference_text() -> str:
    """Return the content of the page; the same whenever the format is the same."""
    schema = campaign_schema()
    parts = [_HEAD, "## Keys\n", *_keys_table(schema)]
    for name in Campaign.model_fields:
        parts += ["", *_section(name, schema)]
    return "\n".join(parts) + "\n"


def _keys_table(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | default |\n|---|---|"
    for name in Campaign.model_fields:
        yield f"| [`{name}`](#{name}) | {_default(name, schema)} |"


def _section(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    annotation = get_type_hints(Campaign, include_extras=True)[name]
    field = Campaign.model_fields[name]
    yield f"### {name}\n\n{field.description}\n"
    yield f"- Takes: {_words(annotation)}"
    yield f"- Default: {_default(name, schema)}\n"
    examples: list[Any] = field.examples or []
    first, *others = examples
    yield f"```yaml\n{_yaml({name: first})}\n```"
    if others:
        yield "\nAlso: " + ", ".join(f"`{_flow({name: other})}`" for other in others) + "."
    for model in _models(annotation):
        yield from _nested(name, model, schema)


def _nested(path: str, model: type[BaseModel], schema: Mapping[str, Any]) -> Iterator[str]:
    """A table of the keys of a mapping, and of the mappings in it."""
    hints = get_type_hints(model, include_extras=True)
    described = schema["$defs"][model.__name__]
    about = " ".join((model.__doc__ or "").split())
    yield f"\nKeys of `{path}`. {about}\n\n| key | takes | default | | for example |\n|---|---|---|---|---|"
    for name, field in model.model_fields.items():
        examples = ", ".join(f"`{_flow(example)}`" for example in field.examples or ())
        words = _with_least(_words(hints[name]), described["properties"][name])
        yield f"| `{name}` | {words} | {_default(name, described)} | {field.description} | {examples} |"
    for name, hint in hints.items():
        if name in model.model_fields:
            for inner in _models(hint):
                yield from _nested(f"{path}.{name}", inner, schema)


def _words(annotation: Any) -> str:
    """Say what a value of a type looks like."""
    for its_type, words in _WORDS:
        if its_type == annotation:
            return words
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        shape = next((extra for extra in extras if isinstance(extra, shapes.Shape)), None)
        return shape.expected if shape else _words(inner)
    if isinstance(annotation, type):
        return _words_of_class(annotation)
    return _words_of_generic(get_origin(annotation), get_args(annotation))


def _words_of_generic(origin: Any, arguments: Sequence[Any]) -> str:
    if origin is tuple:
        return f"a list, each {_words(arguments[0])}"
    if origin is Mapping:
        key, value = arguments
        return "a mapping" if value is Any else f"a mapping; its keys are {_words(key)}; its values {_words(value)}"
    return ", or ".join(_words(argument) for argument in arguments)


def _with_least(words: str, described: Mapping[str, Any]) -> str:
    """Add the least number that a key takes, if it takes one."""
    kinds = [described, *described.get("anyOf", ())]
    least = [kind["minimum"] for kind in kinds if "minimum" in kind]
    least += [kind["exclusiveMinimum"] + 1 for kind in kinds if "exclusiveMinimum" in kind]
    return words.replace("a whole number", f"a whole number of {least[0]} or more") if least else words


def _words_of_class(annotation: type) -> str:
    if issubclass(annotation, StrEnum):
        return "one of " + ", ".join(f"`{choice}`" for choice in annotation)
    if issubclass(annotation, BaseModel):
        return "a mapping (below)"
    plain = {str: "text", int: "a whole number", bool: "true or false", NoneType: "null"}
    return plain[annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The mappings with keys of their own that a type takes."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if annotation == Schedule:
        return [AssetSchedule, NewRowsSchedule]
    if any(its_type == annotation for its_type, _ in _WORDS):
        return []
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _default(name: str, schema: Mapping[str, Any]) -> str:
    described = schema["properties"][name]
    if name in schema.get("required", ()):
        return "**required**"
    default = described.get("default")
    if isinstance(default, dict) and default:
        return "as its keys say"
    return "empty" if default == "" else f"`{_flow(default)}`"


def _yaml(content: Any) -> str:
    text = yaml.safe_dump(_plain(content), sort_keys=False, allow_unicode=True, width=110)
    return text.strip().replace("'on':", "on:")  # which is text in a campaign file


def _flow(content: Any) -> str:
    """One line of YAML: ``{calls: 1, days: 1}``; of a mapping with one key just ``key: value``."""
    text = yaml.safe_dump(
        _plain(content), sort_keys=False, default_flow_style=True, allow_unicode=True, width=10_000
    )
    text = text.removesuffix("...\n").strip()
    single = isinstance(content, dict) and len(content) == 1
    return text.removeprefix("{").removesuffix("}") if single else text


def _plain(content: Any) -> Any:
    """Dates as dates, so that YAML does not quote them, and times as the quoted text that they have to be."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, time):
        return f"{content:%H:%M}"
    try:
        return date.fromisoformat(content) if isinstance(content, str) else content
    except ValueError:
        return content


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with ``--check`` tell by the exit status (0 or 1) whether it is current."""
    parser = argparse.ArgumentParser(prog="python -m phonon.campaign.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not current")
    parser.add_argument("path", type=Path, metavar="PATH", help="the page's file")
    options = parser.parse_args(arguments)
    path: Path = options.path
    if not options.check:
        path.write_text(reference_text(), encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == reference_text():
        return 0
    sys.stderr.write(f"{path} is not current. Write it anew: python -m phonon.campaign.reference {path}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
