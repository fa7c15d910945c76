"""Tells SQL that changes data from a query, by its words: before it is run, and without a database.

The warehouse is read in a way that cannot write as well. This is for the error to come early and to name the
word; so it refuses only what is certain, and lets pass what it cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

READ_ONLY_CURE = "Give one SELECT; what changes data belongs into a task of another Dag, before this one."

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_BACKSLASHED_QUOTE = re.compile(r"\\['\"`]")
"""An escape on some databases and the end of a text on others: there the words cannot be told from texts."""

_TOKEN = re.compile(
    r"""
    (?P<nothing> \s+ | --[^\n]* | /\*.*?\*/ )
    | (?P<text> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<word> \w+ )
    | (?P<other> . )
    """,
    re.DOTALL | re.VERBOSE,
)
_CHANGES = frozenset(
    {"ALTER", "ATTACH", "CALL", "COMMENT", "COPY", "CREATE", "DELETE", "DETACH", "DO", "DROP", "EXECUTE", "EXPORT"}
    | {"GRANT", "IMPORT", "INSERT", "INSTALL", "LOAD", "LOCK", "MERGE", "REINDEX", "RENAME", "REPLACE", "REVOKE"}
    | {"TRUNCATE", "UPDATE", "UPSERT", "VACUUM"}
)
_CHANGES_IN_A_WITH = frozenset({"DELETE", "INSERT", "MERGE", "UPDATE"})
_STATEMENTS_OF_A_WITH = _CHANGES_IN_A_WITH | {"FROM", "SELECT", "TABLE", "VALUES"}


@dataclass(frozen=True)
class _Token:
    word: str
    """In capitals; empty for a quoted text or name."""
    depth: int
    """Of parentheses around it."""
    line: int


def why_not_read(sql: str) -> str | None:
    """Say why SQL is no query that only reads, with the line; None for one that seems to be. It may hold Jinja."""
    if _BACKSLASHED_QUOTE.search(sql):
        return None
    tokens = list(_tokens(_JINJA.sub(_unrendered, sql)))
    while tokens and tokens[-1].word == ";":
        tokens.pop()
    end = next((place for place, token in enumerate(tokens) if token.word == ";" and not token.depth), len(tokens))
    changing = _changing(tokens[:end])
    if changing is not None:
        return f"{changing.word} on line {changing.line} changes data, and this query may only read"
    if end < len(tokens):
        return f"a second statement begins on line {tokens[end + 1].line}, and there may be only one query"
    return None


def _unrendered(match: re.Match[str]) -> str:
    """What stands for Jinja: nothing for what renders to nothing, else a name, on as many lines."""
    renders = match[0].startswith("{{") or "include" in match[0]
    return (" jinja " if renders else " ") + "\n" * match[0].count("\n")


def _tokens(sql: str) -> Iterator[_Token]:
    depth, line = 0, 1
    for match in _TOKEN.finditer(sql):
        if not match["nothing"]:
            depth -= match[0] == ")"
            yield _Token("" if match["text"] else match[0].upper(), depth, line)
            depth += match[0] == "("
        line += match[0].count("\n")


def _changing(tokens: Sequence[_Token]) -> _Token | None:
    """The word by which one statement changes data."""
    outer = [token for token in tokens if not token.depth]
    if not outer:
        return None
    if outer[0].word in _CHANGES:
        return outer[0]
    if outer[0].word == "WITH":
        return _changing_after_with(tokens)
    return next((token for token in outer if token.word == "INTO"), None) if outer[0].word == "SELECT" else None


def _changing_after_with(tokens: Sequence[_Token]) -> _Token | None:
    for before, token, after in zip(tokens, tokens[1:], [*tokens[2:], None], strict=False):
        names_a_query = after is not None and after.word in {"AS", "("}
        if token.depth == 1 and before.word == "(" and token.word in _CHANGES_IN_A_WITH and not _is_column(after):
            return token
        if not token.depth and token.word in _STATEMENTS_OF_A_WITH and not names_a_query:
            return token if token.word in _CHANGES_IN_A_WITH else None
    return None


def _is_column(after: _Token | None) -> bool:
    """Whether the word is the name of a column in ``WITH a (update, id) AS ...``."""
    return after is None or after.word in {",", ")"}
