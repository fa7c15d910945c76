"""Who is sending: a name that a process on the same machine can find to be dead."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def this_process() -> str:
    """The owner name of this process: where process ids are counted, the id, and when it started."""
    return f"{_process_space()}/{os.getpid()}/{_started(os.getpid())}"


def is_certainly_dead(owner: str) -> bool:
    """Whether the process that had this name has ended. False when it cannot be told from here."""
    space, _, started = owner.rpartition("/")
    space, _, pid = space.rpartition("/")
    if not space or space != _process_space() or not pid.isdigit():
        return False
    return _started(int(pid)) != started


@cache
def _process_space() -> str:
    """Where a process id means one process: this boot of this kernel, and the container's process namespace.

    Empty where the system does not tell (it is Linux's /proc that does); then the end of a lease decides.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Clock ticks since boot at which a process started; empty when it has ended."""
    try:
        # The name, in brackets, may hold anything; state and start are the 1st and 20th field behind it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]
