"""The flow's variables and the columns that fill them: a mapping that nobody can change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, repr=False)
class FlowVariables(Mapping[str, str]):
    """Flow variable to column, in the order of the campaign file. Hashable, and equal to a dict of the same."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, variable: str) -> str:
        for name, column in self.pairs:
            if name == variable:
                return column
        raise KeyError(variable)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __hash__(self) -> int:
        return hash(frozenset(self.pairs))

    def __repr__(self) -> str:
        return f"FlowVariables({dict(self.pairs)!r})"
