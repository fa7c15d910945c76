"""What is wrong with a campaign file, told so that it can be mended without reading anything else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from phonon import redaction
from phonon.errors import ConfigurationError

_WIDTH = 100
"""Characters of a line that are shown; of an only line with everything in it, those around the place."""

_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what was expected and what was there."""

    text: str
    """Whole sentences."""

    key: str = ""
    """The key's path, like ``limits.per_number.calls``; empty for the file as a whole."""

    line: int = 1
    """Counted from 1."""

    column: int = 1
    """Counted from 1, in characters."""

    excerpt: str = ""
    """The lines around, with a caret; empty where no line would help."""

    def __str__(self) -> str:
        subject = f": {self.key}" if self.key else ""
        place = f"line {self.line}, column {self.column}{subject}"
        return "\n".join(part for part in (place, self.excerpt, self.text) if part)


class CampaignError(ConfigurationError):
    """A campaign file cannot be used. Holds all its problems, in the order of its lines."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        title = f"{self.path}: {count} problem{'s' if count > 1 else ''}"
        return "\n\n".join([title, *map(str, self.problems)])


def excerpt(lines: list[str], line: int, column: int) -> str:
    """Return the line, one before and one after, numbered, with a caret under the column (all from 1)."""
    shown = []
    for number in range(max(1, line - 1), min(len(lines), line + 1) + 1):
        text = masked(lines[number - 1]).replace("\t", " ")
        cut = max(0, column - _WIDTH // 2) if number == line and column > _WIDTH else 0
        shown.append(f"{number:>5} | {text[cut : cut + _WIDTH]}".rstrip())
        if number == line:
            shown.append(f"{'':>5} | {'':>{column - 1 - cut}}^")
    return "\n".join(shown)


def shortened(text: str) -> str:
    """Return a value as an error may show it: on one line, not long, and masked."""
    flat = masked(" ".join(text.split()))
    return flat if len(flat) <= _LONGEST_VALUE else flat[:_LONGEST_VALUE] + "..."


def masked(text: str) -> str:
    """Return ``text`` with what could be a phone number or a security-id replaced by as many stars.

    Neither belongs into a campaign file, but errors end in logs, and mistakes are what errors are about.
    """
    return redaction.masked(text, echoed=True, stars=lambda hidden: "*" * len(hidden))


def did_you_mean(written: str, choices: Iterable[str]) -> str:
    """Return a sentence that suggests the nearest of ``choices``, to stand after others; empty if none is near."""
    by_lower = {choice.lower(): choice for choice in choices}
    lower = written.lower()
    longer = [choice for choice in by_lower if len(choice) > 1 and lower.startswith(choice)]
    near = longer or get_close_matches(lower, by_lower, n=1, cutoff=0.65)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""
