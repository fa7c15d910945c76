"""Copies of the project in temporary folders, each with a break in it, and processes that run in one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".git", ".airflow", ".demo", ".hypothesis", ".*_cache", "__pycache__", ".env", "build", "dist"
)
_CODE = ("plugins", "include", "tests")
_GRACE_SECONDS = 30
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Ended:
    """How a process in a copy ended. ``status`` is None when it did not, and was ended."""

    status: int | None
    output: str


class Copy:
    """A copy of the project. Nothing in it is shared with the project: no code, no home of Airflow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, module: str, *arguments: str, seconds: float) -> Ended:
        """Run a module with the copy's own code; end it, and what it started, after so many seconds."""
        command = [sys.executable, "-m", module, *arguments]
        with tempfile.TemporaryFile("w+", dir=self.folder, errors="replace") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            _running.add(process)
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                _end(process)
                _running.discard(process)
            output.seek(0)
            return Ended(status, output.read())

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "PYTHON", "PYTEST"))
        }
        return {
            **kept,
            # Before the site's own folders, where an editable installation names the project's.
            "PYTHONPATH": os.pathsep.join(str(self.folder / each) for each in _CODE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AIRFLOW_HOME": str(self.folder / ".airflow"),
        }


@contextmanager
def copied(project: Path) -> Iterator[Copy]:
    """A copy of the project that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="mutant-", ignore_cleanup_errors=True) as folder:
        inside = Path(folder) / "project"
        shutil.copytree(project, inside, ignore=_LEFT_OUT, symlinks=True)
        yield Copy(inside)


def end_all() -> None:
    """End what is running in all copies."""
    for process in list(_running):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it clean up first: a test run has a database server that it stops itself."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        # Its own session, so its group is itself and what it started.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def select_tests(tests: Sequence[str]) -> list[str]:
    """The arguments with which pytest runs some tests of a copy up to the first failure, always in the same way."""
    options = ("-q", "-x", "-p", "mutations.own_code", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short")
    return [*options, "--hypothesis-seed=0", "-o", "timeout=90", *tests]
