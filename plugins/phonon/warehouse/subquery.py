"""A query of somebody else inside one of ours."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<nothing> \s+ | ; | --[^\n]* | /\*.*?\*/ )
    | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | .
    """,
    re.VERBOSE | re.DOTALL,
)


def rows_of(query: str, *, name: str) -> str:
    """The rows of a query, to stand after FROM; what ends the query as a statement of its own is left out."""
    # Its last line may be a comment.
    return f"(\n{_without_end(query)}\n) AS {name}"


def filtered(query: str, condition: str, *, name: str) -> str:
    """Those rows of a query for which a condition holds. ``name``: what the condition may call the rows."""
    return f"SELECT * FROM {rows_of(query, name=name)} WHERE {condition}"  # noqa: S608 - the caller's own query


def _without_end(query: str) -> str:
    """A query without the semicolons and comments after it."""
    end = 0
    for token in _TOKEN.finditer(query):
        if token["nothing"] is None:
            end = token.end()
    return query[:end]
