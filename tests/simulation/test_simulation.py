"""Schedules in CI. ``make chaos SEEDS=1000000`` plays more; ``python -m simulation --replay SEED`` shows one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.run import play_portion, theatre

_SCHEDULES = 5_000
_PORTION = 250
_FIRST = 750
_PROJECT = Path(__file__).resolve().parents[2]
_EVERYTHING = {
    "sent all", "paused", "ended", "unclear", "unreachable", "top_up", "fix_configuration", "LedgerError",
    "Interrupted", "killed", "suspended", "rotated", "pause", "released", "closed", "proven", "repeated",
    "late", "accepted", "accepted_earlier", "refused", "held", "expired",
}  # fmt: skip


@pytest.mark.parametrize("first", range(_FIRST, _SCHEDULES, _PORTION))
def test_no_schedule_breaks_an_invariant(first: int) -> None:
    happened, failed = play_portion(range(first, first + _PORTION))
    assert not failed
    assert happened["sent all"] > _PORTION / 2, "most schedules should come to sending"


@pytest.mark.timeout(900)
def test_the_schedules_hold_every_kind_of_disaster_and_of_outcome() -> None:
    happened, failed = play_portion(range(_FIRST))
    assert not failed
    assert {name for name, times in happened.items() if times} >= _EVERYTHING


def test_a_seed_is_played_the_same_way_in_every_process() -> None:
    with theatre() as stage:
        steps: list[str] = []
        for seed in range(5):
            stage.play(seed, steps.append)
    for hash_seed in ("1", "2"):
        assert _played_elsewhere(hash_seed) == steps


def _played_elsewhere(hash_seed: str) -> list[str]:
    code = "from simulation.run import theatre\nwith theatre() as s:\n for seed in range(5): s.play(seed, print)"
    path = os.pathsep.join(str(_PROJECT / each) for each in ("plugins", "include", "tests"))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
