"""A real file system that can be filled up, and processes that see it.

It is mounted in a namespace of its own, which a user may make without privileges where the machine allows it. One
process lives there; it forks for each step of a trial, as the trial's own processes are forked elsewhere.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

from demo.world import PROJECT
from faults.moments import at_the_second
from phonon.dispatch.points import Point, observe
from trial import Trial
from trial_process import run_step

_MOUNT = 'mount -t tmpfs -o size="$1" small "$2" && shift 2 && exec "$@"'


class NoNamespacesError(Exception):
    """This machine does not let its users make namespaces."""


@dataclass
class SmallDiskTrial(Trial):
    """A trial for processes on a small disk. Each fills it up to ``leaving`` bytes: if it sends, at ``point``."""

    point: Point = Point.BEFORE_TAKE
    leaving: int = 0

    def extract_on_full_disk(self, run_id: str) -> None:
        self._fill()
        self.extract(run_id)

    def trigger_on_full_disk(self, run_id: str) -> None:
        observe(at_the_second(self.point, self._fill))
        self.trigger(run_id)

    def free(self, _run_id: str) -> None:
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return Path(str(self.ledger_url.database)).with_name("ballast")

    def _fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as ballast, suppress(OSError):
            while shutil.disk_usage(self._ballast.parent).free > self.leaving:
                ballast.write(bytes(4096))


class SmallDisk:
    """A file system of few bytes. Of this process's files, only those in ``folder`` are others there."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self._process = process

    def run(self, trial: SmallDiskTrial, step: str, run_id: str) -> tuple[int, str]:
        """Carry out a step in a process that sees the disk; gives its exit code and what it printed."""
        urls = SimpleNamespace(bulk_url=trial.phonon.bulk_url, realtime_url=trial.phonon.realtime_url)
        log = trial.folder / f"{run_id}-{step}.log"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((replace(trial, phonon=urls), step, run_id, str(log)), self._process.stdin)
        self._process.stdin.flush()
        return int(self._process.stdout.readline()), log.read_text(encoding="utf-8")


@contextmanager
def small_disk(folder: Path, *, size: int) -> Iterator[SmallDisk]:
    """A disk of ``size`` bytes, while the context lasts. Raises NoNamespacesError where none can be made."""
    paths = (PROJECT / "plugins", PROJECT / "include", PROJECT / "tests")
    inside = (sys.executable, "-m", "faults.small_disk")
    try:
        process = subprocess.Popen(
            [
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                _MOUNT,
                "sh",
                str(size),
                folder,
                *inside,
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise NoNamespacesError("There is no program unshare.") from None
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"ready\n":
            raise NoNamespacesError(process.stderr.read().decode())
        try:
            yield SmallDisk(folder, process)
        finally:
            process.stdin.close()


def _serve() -> None:
    print("ready", flush=True)
    with suppress(EOFError):
        while True:
            trial, step, run_id, log = pickle.load(sys.stdin.buffer)
            child = os.fork()
            if child == 0:
                _carry_out(trial, step, run_id, log)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


def _carry_out(trial: SmallDiskTrial, step: str, run_id: str, log: str) -> None:
    try:
        run_step(trial, step, run_id, "", 1, log, None)
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    _serve()
