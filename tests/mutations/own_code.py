"""A pytest plugin for a copy: it runs the copy's own code or nothing, and says by its name which test failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

CAUGHT = "CAUGHT BY "
BECAUSE = "BECAUSE "
_SHOWN = 160
_PACKAGES = ("phonon", "simulator", "simulation", "mutations")


def check(folder: Path, packages: Sequence[str] = _PACKAGES) -> None:
    """Raise RuntimeError unless these packages are imported from below the folder: one of them may be installed."""
    for name in packages:
        places = [Path(place).resolve() for place in __import__(name).__path__]
        strange = [place for place in places if not place.is_relative_to(folder.resolve())]
        if strange or not places:
            raise RuntimeError(f"{name} comes from {strange}, not from the copy in {folder}.")


def pytest_configure(config: pytest.Config) -> None:
    check(config.rootpath)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that failed and say why, on lines that are not cut to the width of a terminal."""
    for outcome in ("failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            terminalreporter.write_line(f"{CAUGHT}{report.nodeid}")
            crash = getattr(report.longrepr, "reprcrash", None)
            if crash is not None:
                terminalreporter.write_line(BECAUSE + one_line(crash.message))


def one_line(text: str) -> str:
    """The beginning of a text, on one line."""
    return " ".join(text.split())[:_SHOWN]
