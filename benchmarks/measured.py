"""What one contender took in one run, and how that is told."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.double import Seen


class NoRunError(Exception):
    """A contender cannot be installed here, or its run failed."""


@dataclass(frozen=True)
class Measured:
    """One run. ``megabytes``: the highest peak memory of its processes, None where it was not measured.

    ``parts`` are seconds of its tasks; ``first_post``: from its start to the first request, in seconds.
    """

    seconds: float
    cpu: float
    megabytes: int | None
    seen: Seen
    first_post: float
    parts: dict[str, float] = field(default_factory=dict)
    tasks: int | None = None
    ledger_bytes: int = 0


@dataclass(frozen=True)
class Row:
    """The runs of one contender at one size on one engine. ``why``: says why there is none, or what was wrong."""

    name: str
    engine: str
    contacts: int
    runs: Sequence[Measured]
    why: str = ""

    def median(self, value: Callable[[Measured], float]) -> float:
        """The median of the runs."""
        return statistics.median(map(value, self.runs))

    @property
    def seconds(self) -> float:
        """The median time."""
        return self.median(lambda run: run.seconds)


HEAD = ("contender", "s", "x careful", "CPU s", "peak MB", "requests", "MB sent", "1st POST s", "tasks")


def cells(row: Row, careful: Sequence[Measured]) -> tuple[str, ...]:
    """The row of a table. The ratio is the median of the ratios within each round."""
    if not row.runs:
        return (row.name, row.why, *[""] * (len(HEAD) - 2))
    ratios = [run.seconds / base.seconds for run, base in zip(row.runs, careful, strict=False)]
    peaks = [run.megabytes for run in row.runs if run.megabytes is not None]
    last = row.runs[-1]
    return (
        row.name,
        f"{row.seconds:.1f}",
        f"{statistics.median(ratios):.2f}" if ratios else "",
        f"{row.median(lambda run: run.cpu):.1f}",
        str(max(peaks)) if peaks else "",
        f"{last.seen.requests:,}",
        f"{last.seen.body_bytes / 1e6:.1f}",
        f"{row.median(lambda run: run.first_post):.1f}",
        "" if last.tasks is None else str(last.tasks),
    )


def text_table(rows: Sequence[tuple[str, ...]]) -> str:
    """For a terminal."""
    table = [HEAD, *rows]
    widths = [max(len(row[place]) for row in table if len(row) > place) for place in range(len(HEAD))]
    widths[1] = max(len(row[1]) for row in table if row[2] or row is HEAD)
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]}"
        if len(set(row[2:])) == 1
        else "  ".join(
            f"{cell:<{width}}" if not place else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    )


def markdown_table(rows: Sequence[tuple[str, ...]]) -> str:
    """For docs/performance.md."""
    lines = [HEAD, ("---", *["---:"] * (len(HEAD) - 1)), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
