from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from simulator import Settings
from simulator.running import running
from trial import Trial


@pytest.fixture
def new_trial(tmp_path: Path, ledger_url: URL) -> Iterator[Callable[..., Trial]]:
    """Makes a trial with a stand-in Phonon of its own; ``phonon`` are the stand-in's settings."""
    stacks = []

    def make(*, phonon: dict[str, Any] | None = None, **options: Any) -> Trial:
        settings = {"bulk_per_minute": 600, "realtime_per_minute": 600, **(phonon or {})}
        context = running(Settings(**settings))
        stacks.append(context)
        return Trial(tmp_path, context.__enter__(), ledger_url, **options)

    yield make
    for context in stacks:
        context.__exit__(None, None, None)
