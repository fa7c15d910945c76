"""The fenced blocks of the pages for people, with where each stands and what it is said to be."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGES = (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"`([^`\s]+)`:\s*$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """A fenced block. ``file`` is the path that the line before names, if it ends in one and a colon."""

    page: Path
    line: int
    kind: str
    text: str
    file: str | None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """The words of each command of a shell snippet, without what it is given in the environment."""
        for line in re.sub(r"\\\n", " ", self.text).splitlines():
            try:
                words = shlex.split(line, comments=True)
            except ValueError:  # part of a text over several lines
                continue
            command: list[str] = []
            for word in [*words, "&&"]:
                if word not in {"&&", "||", "|", "&", ";", "do", "then", ">", "<"}:
                    if command or not _ASSIGNMENT.fullmatch(word):
                        command.append(word)
                elif command:
                    yield command
                    command = []


def snippets(page: Path) -> list[Snippet]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent, before = match["indent"], text[: match.start()].rstrip()
        body = "".join(line.removeprefix(indent) for line in match["text"].splitlines(keepends=True))
        named = _NAMED.search(before)
        line = text.count("\n", 0, match.start()) + 1
        found.append(Snippet(page, line, match["kind"].strip(), body, named[1] if named else None))
    return found


def all_of(*kinds: str) -> list[Snippet]:
    """The blocks of these kinds, of all pages."""
    return [each for page in PAGES for each in snippets(page) if each.kind in kinds]
