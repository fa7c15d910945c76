"""The YAML of a campaign file, with the place of everything in it, and without YAML's surprises.

Keys are always text (``on``, ``no`` and ``1`` too), none comes twice, and a value that only looks like a date or
a number stays text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from phonon.campaign.problems import CampaignError, Problem, excerpt, shortened

Location = tuple[str | int, ...]
"""Keys and positions that lead from the top of a file to something in it."""

_TEXT_TAG = "tag:yaml.org,2002:str"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_QUOTE = "Put a text that begins with one of @ ` % * & ! | > { [ or holds ': ' in quotes."


class _Loader(yaml.SafeLoader):
    """The safe loader, except that an impossible date or number is text and not a Python error."""

    def construct_text_if_impossible(self, node: ScalarNode) -> Any:
        """Return what the safe loader makes of a scalar, or its text where that fails."""
        try:
            return yaml.SafeLoader.yaml_constructors[node.tag](self, node)
        except (ValueError, LookupError, OverflowError, AttributeError):
            return node.value


for _kind in ("bool", "int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_text_if_impossible)


@dataclass(frozen=True)
class Document:
    """A campaign file that is one mapping in YAML."""

    path: Path
    lines: list[str]
    root: MappingNode
    values: dict[str, Any]
    flaws: tuple[Problem, ...]
    """What is wrong with the YAML itself, although it can be read: keys that come twice."""

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a file.

        :raises CampaignError: if it cannot be read, or is not one mapping in YAML.
        """
        text = _text_of(path)
        lines = text.splitlines()
        try:
            loader = _Loader(text)
            root = loader.get_single_node()
            if not isinstance(root, MappingNode):
                raise CampaignError(path, [_not_a_mapping(root, lines)])
            flaws = tuple(_flaws(root, lines))
            values = loader.construct_document(root)
            if not isinstance(values, dict):  # A YAML set is written like a mapping.
                raise CampaignError(path, [_not_a_mapping(root, lines)])
        except ReaderError as error:
            raise CampaignError(path, [_unprintable(error, text, lines)]) from error
        except yaml.MarkedYAMLError as error:
            raise CampaignError(path, [_yaml_problem(error, lines)]) from error
        except RecursionError as error:
            raise CampaignError(path, [Problem("The file is nested too deeply to be a campaign.")]) from error
        return cls(path, lines, root, values, flaws)

    def problem(self, location: Location, text: str, *, at_key: bool = False) -> Problem:
        """Return a problem with what is at ``location``, or with the innermost thing around it that exists.

        :param at_key: mark the key instead of its value.
        """
        found = list(_walk(self.root, location))
        complete = len(found) == len(location)
        key, node = found[-1] if found else (None, self.root)
        marked = key if key is not None and (at_key or not complete) else node
        line, column = marked.start_mark.line + 1, marked.start_mark.column + 1
        shown = excerpt(self.lines, line, column) if found else ""
        return Problem(text, key_path(location), line, column, shown)

    def node(self, location: Location) -> Node | None:
        """Return what is at ``location``, or None if nothing is."""
        found = [node for _, node in _walk(self.root, location)]
        return found[-1] if found and len(found) == len(location) else None


def key_path(location: Location) -> str:
    """Return a location as a reader would write it: ``limits.per_number.calls``, ``numbers[0]``."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{shortened(step)}"
    return path.removeprefix(".")


def _walk(node: Node, location: Location) -> Iterator[tuple[Node | None, Node]]:
    """Yield the key (None in a list) and the value at each step of ``location``, as far as there are any."""
    for step in location:
        if isinstance(node, MappingNode):
            # The last of equal keys is the one that counts, as when a merged key is written anew.
            pair = next(((key, value) for key, value in reversed(node.value) if key.value == step), None)
            if pair is None:
                return
            key, node = pair
            yield key, node
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            yield None, node
        else:
            return


def _flaws(root: Node, lines: list[str]) -> Iterator[Problem]:
    """Make every key text, and yield a problem for each that comes twice or is not a scalar.

    :raises yaml.MarkedYAMLError: for a key that is a list or a mapping, which text cannot replace.
    """
    start: Location = ()
    waiting, done = [(start, root)], set()
    while waiting:
        location, node = waiting.pop()
        if id(node) in done:  # An anchor may be used anywhere, even inside itself.
            continue
        done.add(id(node))
        if isinstance(node, MappingNode):
            yield from _repeated_keys(node, location, lines)
            waiting += [((*location, key.value), value) for key, value in node.value]
        elif isinstance(node, SequenceNode):
            waiting += [((*location, position), item) for position, item in enumerate(node.value)]


def _repeated_keys(node: MappingNode, location: Location, lines: list[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for key, _ in node.value:
        line, column = key.start_mark.line + 1, key.start_mark.column + 1
        if not isinstance(key, ScalarNode):
            raise yaml.MarkedYAMLError(
                problem="a key is text, not a list or a mapping", problem_mark=key.start_mark
            )
        if key.tag == _MERGE_TAG:
            continue
        key.tag = _TEXT_TAG
        if key.value in first:
            path = key_path((*location, key.value))
            earlier = first[key.value]
            text = (
                f"The key {shortened(key.value)!r} comes twice; the first is on line {earlier}. Remove one of them."
            )
            yield Problem(text, path, line, column, excerpt(lines, line, column))
        first.setdefault(key.value, line)


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CampaignError(path, [Problem(f"The file cannot be read: {error.strerror}.")]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem("The file is not UTF-8 text, as campaigns are. Save it as UTF-8.", line=line)
        raise CampaignError(path, [problem]) from error


def _not_a_mapping(root: Node | None, lines: list[str]) -> Problem:
    needed = (
        "A campaign is a mapping: lines of 'key: value', at least name, contacts, contact_id, numbers, flow_id."
    )
    if root is None:
        return Problem(f"The file is empty. {needed}")
    what = "a list" if isinstance(root, SequenceNode) else "something else"
    what = f"the text {shortened(root.value)!r}" if isinstance(root, ScalarNode) else what
    line, column = root.start_mark.line + 1, root.start_mark.column + 1
    return Problem(f"The file holds {what}. {needed}", "", line, column, excerpt(lines, line, column))


def _unprintable(error: ReaderError, text: str, lines: list[str]) -> Problem:
    before = text[: error.position].splitlines(keepends=True) or [""]
    ended = before[-1].endswith(("\n", "\r"))
    line, column = (len(before) + 1, 1) if ended else (len(before), len(before[-1]) + 1)
    told = (
        f"The character U+{ord(text[error.position]):04X} here cannot be printed, and YAML forbids it. Remove it."
    )
    return Problem(told, "", line, column, excerpt(lines, line, column))


def _yaml_problem(error: yaml.MarkedYAMLError, lines: list[str]) -> Problem:
    told = _in_plain_words(error.problem or "", error.context or "")
    mark = error.problem_mark
    if mark is None:
        return Problem(told)
    line, column = mark.line + 1, mark.column + 1
    return Problem(told, "", line, column, excerpt(lines, line, column))


def _in_plain_words(problem: str, context: str) -> str:
    if "found character '\\t'" in problem:
        return "There is a tab here. YAML is indented with spaces only; replace it."
    if "but found another document" in problem:
        return "A second document begins here. One file is one campaign: move it to its own file, without '---'."
    if "found undefined alias" in problem or "cannot start any token" in problem or "scanning an alias" in context:
        return f"YAML cannot read this: {problem}. {_QUOTE}"
    if "mapping values are not allowed" in problem:
        return f"There is a second ': ' in this line, or its indentation does not fit the line above. {_QUOTE}"
    if "could not determine a constructor" in problem:
        return f"YAML tags such as '!name' mean nothing in a campaign: {problem}. {_QUOTE}"
    return f"YAML cannot read this: {': '.join(part for part in (context, problem) if part)}."
