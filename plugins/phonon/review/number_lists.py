"""Phone numbers as a person gives them: one by one, or as a column of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from phonon.contacts.numbers import mobiles_of
from phonon.errors import ConfigurationError
from phonon.redaction import masked

_AT_ONCE = 10_000
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class NumberList:
    """The different numbers, each ``91`` and ten digits, and what is none: where it stands, and why not."""

    numbers: Sequence[str]
    wrong: Sequence[tuple[str, str]]


def numbers_of(values: Sequence[str]) -> NumberList:
    """Numbers in any usual writing. Raises ConfigurationError when there is none at all."""
    if not values:
        raise ConfigurationError("Give numbers, or a file of them with --csv.")
    return _read((f"number {place}", value) for place, value in enumerate(values, start=1))


def numbers_of_file(path: Path, column: str | None = None) -> NumberList:
    """The numbers of a CSV file in UTF-8, with commas, semicolons or tabs between its columns.

    :param column: the title of the column of numbers. Without it the file must have one column; its first line
        may be a title, which has no digit.

    Raises ConfigurationError when the file cannot be read as that. Values are never in the error.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(_DELIMITERS, key=first.count)
            file.seek(0)
            rows = csv.reader(file, delimiter=delimiter, strict=True)
            return _read(_cells(((rows.line_num, row) for row in rows), column, path))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{path} is not text in UTF-8. Save it as CSV in UTF-8, not as a workbook."
        ) from None
    except csv.Error as error:
        raise ConfigurationError(f"{path} is not CSV: {masked(str(error))}. Nothing was changed.") from None


def _cells(rows: Iterable[tuple[int, list[str]]], column: str | None, path: Path) -> Iterator[tuple[str, str]]:
    """The values of the column of numbers, each with its place. Blank lines are left out."""
    filled = ((line, row) for line, row in rows if any(map(str.strip, row)))
    line, first = next(filled, (0, []))
    if not first:
        raise ConfigurationError(f"{path} is empty.")
    index = _index(first, column, path)
    if column is None and any(map(str.isdigit, first[0])):
        yield f"line {line}", first[0]
    for line, row in filled:
        if len(row) != len(first):
            raise ConfigurationError(
                f"{path} is ragged: line {line} has {len(row)} columns and the first {len(first)}. Nothing was "
                "changed."
            )
        yield f"line {line}", row[index]


def _index(first: Sequence[str], column: str | None, path: Path) -> int:
    """Where the column of numbers stands in each row."""
    if column is None:
        if len(first) > 1:
            raise ConfigurationError(
                f"{path} has {len(first)} columns. Name the one that holds the numbers with --column."
            )
        return 0
    titles = [title.strip().casefold() for title in first]
    found = titles.count(column.strip().casefold())
    if found != 1:
        shown = masked(", ".join(title.strip()[:30] for title in first[:10]))
        raise ConfigurationError(
            f"{path} has {'no column' if not found else 'more than one column'} {column!r}; its first line is: "
            f"{shown}."
        )
    return titles.index(column.strip().casefold())


def _read(placed: Iterable[tuple[str, str]]) -> NumberList:
    numbers: dict[str, None] = {}
    wrong: list[tuple[str, str]] = []
    left = iter(placed)
    while part := list(islice(left, _AT_ONCE)):
        mobiles = mobiles_of(pd.Series([value for _, value in part], dtype=object), "any")
        numbers |= dict.fromkeys(mobiles.all())
        wrong += [
            (place, fault.value)
            for (place, _), fault in zip(part, mobiles.faults, strict=True)
            if fault is not None
        ]
    return NumberList(list(numbers), wrong)
