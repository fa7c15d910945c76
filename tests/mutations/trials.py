"""Breaking a copy and seeing who notices: the tests that the break names, then the simulation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mutations.copies import Copy, Ended, copied, select_tests
from mutations.mutation import DoesNotApplyError, Mutation
from mutations.own_code import BECAUSE, CAUGHT

_TESTS_SECONDS = 400.0
_SIMULATION_SECONDS = 900.0
_FAILED = 1
_SEED = "seed "


class Result(Enum):
    """What one kind of check said of a break."""

    CAUGHT = "caught"
    SURVIVED = "survived"
    NOT_ASKED = "-"
    BROKEN = "cannot be run"


@dataclass(frozen=True)
class Check:
    """A result, with who noticed (a test or a seed), and why, or why it could not be run."""

    result: Result
    seconds: float = 0.0
    by: str = ""
    why: str = ""


@dataclass(frozen=True)
class Report:
    """What became of a mutation. ``problem``: why it was not tried at all, if so."""

    mutation: Mutation
    tests: Check
    simulation: Check
    problem: str = ""

    @property
    def caught(self) -> bool:
        """Whether anything noticed."""
        return Result.CAUGHT in {self.tests.result, self.simulation.result}

    @property
    def failed(self) -> bool:
        """Whether this is a reason to fail: it survived, does not apply any more, or its tests cannot be run."""
        broken = Result.BROKEN in {self.tests.result, self.simulation.result}
        return bool(self.problem) or broken or not self.caught


_NOT_ASKED = Check(Result.NOT_ASKED)


def tests_without_a_break(project: Path, mutations: Iterable[Mutation]) -> str:
    """Run all the tests that the mutations name in an unbroken copy; gives what failed, empty if nothing did."""
    tests = list(dict.fromkeys(test for mutation in mutations for test in mutation.test_paths))
    with copied(project) as copy:
        ended = copy.run("pytest", *select_tests(tests), seconds=4 * _TESTS_SECONDS)
    if ended.status == 0:
        return ""
    return f"{_said(ended, CAUGHT)} {_said(ended, BECAUSE)}".strip() or _last_line(ended)


def try_out(project: Path, mutation: Mutation, *, seeds: int, thorough: bool) -> Report:
    """Break a copy of the project and let the checks look for it; both of them if ``thorough``.

    :param seeds: how many schedules of the simulation have the chance to notice it.
    """
    with copied(project) as copy:
        file = copy.folder / mutation.path
        try:
            file.write_text(mutation.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
        except (DoesNotApplyError, OSError) as error:
            return Report(mutation, _NOT_ASKED, _NOT_ASKED, f"does not apply any more: {error}")
        tests = _run_tests(copy, mutation)
        simulation = _NOT_ASKED
        if mutation.simulated and (thorough or tests.result is Result.SURVIVED):
            simulation = _run_simulation(copy, project, seeds)
        return Report(mutation, tests, simulation)


def _run_tests(copy: Copy, mutation: Mutation) -> Check:
    began = time.monotonic()
    ended = copy.run("pytest", *select_tests(mutation.test_paths), seconds=_TESTS_SECONDS)
    return _check(ended, time.monotonic() - began, "the tests do not end")


def _run_simulation(copy: Copy, project: Path, seeds: int) -> Check:
    began = time.monotonic()
    ended = copy.run("mutations.seeds", "0", str(seeds), seconds=_SIMULATION_SECONDS)
    check = _check(ended, time.monotonic() - began, "the simulation does not end")
    if not check.by.startswith(_SEED):
        return check
    seed = int(check.by.removeprefix(_SEED))
    with copied(project) as unbroken:
        alone = unbroken.run("mutations.seeds", str(seed), str(seed + 1), seconds=_SIMULATION_SECONDS)
    if alone.status == 0:
        return check
    return Check(
        Result.BROKEN, check.seconds, check.by, f"it fails without the break, too: {_said(alone, BECAUSE)}"
    )


def _check(ended: Ended, seconds: float, endless: str) -> Check:
    if ended.status is None:
        return Check(Result.CAUGHT, seconds, endless)
    if ended.status == 0:
        return Check(Result.SURVIVED, seconds)
    noticed = _said(ended, CAUGHT)
    if ended.status == _FAILED and noticed:
        return Check(Result.CAUGHT, seconds, noticed, _said(ended, BECAUSE))
    return Check(Result.BROKEN, seconds, noticed, _last_line(ended))


def _said(ended: Ended, word: str) -> str:
    """What follows the word where it first begins a line."""
    lines = [line for line in ended.output.splitlines() if line.startswith(word)]
    return lines[0].removeprefix(word) if lines else ""


def _last_line(ended: Ended) -> str:
    lines = [line for line in ended.output.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"
