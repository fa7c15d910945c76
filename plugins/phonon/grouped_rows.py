"""Rows by column, in groups of rows that have most of their values in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GroupedRows:
    """Some rows of one table, group after group: what all rows of a group say alike is there once.

    ``counts``: how many rows each group has. ``shared``: a value a group, of each column in which its rows are
    alike. ``own``: a value a row, of each other column.
    """

    counts: Sequence[int]
    shared: Mapping[str, Sequence[Any]]
    own: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return sum(self.counts)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Row by row: the values of a row by column, the shared ones first."""
        at = 0
        for group, count in enumerate(self.counts):
            alike = {name: values[group] for name, values in self.shared.items()}
            for row in range(at, at + count):
                yield alike | {name: values[row] for name, values in self.own.items()}
            at += count
