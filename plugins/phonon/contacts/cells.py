"""The single values in a cell that may hold several numbers: a text with separators, or an array."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import orjson

_SEPARATOR = re.compile(r"[/,;|\r\n\v\f\x85\u2028\u2029]")
_TEL = re.compile(r"\s*tel:", re.IGNORECASE)
_EXTENSION = re.compile(r"(?<=[0-9)])[ \t.,;]*(?:ext(?:ensio)?n?|x|#)[ \t.:=]*[0-9]{1,6}(?![0-9])", re.IGNORECASE)
_DIGIT = re.compile(r"[0-9]")
_DECIMAL_COMMA = re.compile(r"\s*[0-9],[0-9]+[Ee]\+?[0-9]+\s*")
_LONGEST_ONE_NUMBER = 14
"""Digits of one number that a line break may have cut in two."""


def parts_of(value: object) -> Iterator[object]:
    """Yield what a cell holds, in order: each entry of an array, each part of a text between separators.

    ``tel:`` in front and an extension behind a part are left out. Arrays are those of databases (lists, tuples,
    NumPy's), JSON arrays in a text, and PostgreSQL's own writing of one (``{a,b}``).
    """
    if isinstance(value, list | tuple | np.ndarray):
        if len(value) == 0:
            yield None
        for entry in value:
            yield from parts_of(entry)
    elif isinstance(value, str):
        yield from _parts_of_text(value)
    elif isinstance(value, bytes | bytearray | memoryview):
        try:
            yield from _parts_of_text(bytes(value).decode())
        except UnicodeDecodeError:
            yield value
    else:
        yield value


def _parts_of_text(text: str) -> Iterator[object]:
    array = _array(text.strip())
    if array is not None:
        yield from parts_of(array)
        return
    text = _EXTENSION.sub("", text)
    if _DECIMAL_COMMA.fullmatch(text) or _is_broken_line(text):
        yield _TEL.sub("", text, count=1)
        return
    for part in _SEPARATOR.split(text):
        yield _TEL.sub("", part, count=1) if _TEL.match(part) else part


def _array(text: str) -> list[object] | None:
    if text.startswith("[") and text.endswith("]"):
        try:
            read = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        return read if isinstance(read, list) else None
    if text.startswith("{") and text.endswith("}"):
        entries = [entry.strip().strip('"') for entry in text[1:-1].split(",")]
        return [None if entry == "NULL" else entry for entry in entries]
    return None


def _is_broken_line(text: str) -> bool:
    """Whether a text with no separator but line breaks holds the digits of one number only."""
    lines = text.strip().splitlines()
    if len(lines) < 2 or _SEPARATOR.search("".join(lines)):
        return False
    counts = [len(_DIGIT.findall(line)) for line in lines]
    return max(counts) < 10 and sum(counts) <= _LONGEST_ONE_NUMBER
