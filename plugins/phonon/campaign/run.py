"""Which run of a campaign this is."""

from __future__ import annotations

from dataclasses import dataclass

from phonon.cursor_value import RowRange


@dataclass(frozen=True)
class Run:
    """Which run this is, and what it was started with. ``new_rows``: what the events that started it tell."""

    run_id: str
    run_type: str
    interval_key: str
    dry_run: bool = False
    dry_run_reason: str = "dry run"
    """Why nothing is sent, for the rows of those who would have been called."""
    dry_run_remedy: str = ""
    """What a person does to have them called all the same; empty where a person asked for the dry run."""
    limit: int | None = None
    test_numbers: tuple[str, ...] = ()
    new_rows: RowRange | None = None
    task: str | None = None
    """Which task of the run plans, where several can have one campaign: each reports what it has planned."""
