"""A step of a trial in a process of its own, which can end itself with SIGKILL at a point of the protocol."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

_PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_PROJECT / folder) for folder in ("plugins", "include", "tests")]

from sqlalchemy import make_url  # noqa: E402 - after the path

from phonon.dispatch import points  # noqa: E402 - after the path
from trial import Trial  # noqa: E402 - after the path


def main() -> None:
    spec = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO)
    left = spec["time"]

    def die(point: points.Point) -> None:
        nonlocal left
        if point == spec["die_at"]:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    points.observe(die)
    trial = Trial(
        folder=Path(spec["folder"]),
        phonon=SimpleNamespace(bulk_url=spec["bulk_url"], realtime_url=spec["realtime_url"]),  # type: ignore[arg-type]
        ledger_url=make_url(spec["ledger_url"]),
        **{name: spec[name] for name in ("contacts", "endpoint", "keys", "extra", "interval_key")},
    )
    step = getattr(trial, spec["step"])
    step(spec["run_id"])


main()
