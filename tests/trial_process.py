"""A step of a trial in a process of its own, which can end itself with SIGKILL at a point of the protocol."""

from __future__ import annotations

import logging
import os
import signal
from functools import partial
from typing import Any

# Imported once by the server that the processes are forked from, so that each starts at once.
from phonon.campaign import job
from phonon.dispatch import points
from phonon.dispatch.rules import SendingRules


def run_step(trial: Any, step: str, run_id: str, die_at: str, time: int, log: str, gate: Any) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    logging.basicConfig(level=logging.INFO, force=True)
    left = time

    def die(point: points.Point) -> None:
        nonlocal left
        if point == die_at:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    points.observe(die)
    # A ledger that is gone for good is waited for as long as that.
    job.SendingRules = partial(SendingRules, grace_seconds=1.0)  # type: ignore[misc,assignment]
    if gate is not None:
        gate.wait()
    getattr(trial, step)(run_id)
