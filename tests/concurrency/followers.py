"""Runs of a follow-up that plan in processes of their own, around one ledger."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import URL

from phonon.api.endpoints import Endpoint
from phonon.contacts.cleaning import ContactColumns
from phonon.ledger.states import CallStatus
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planner
from phonon.planning.rules import FollowUpRule, PlanningRules
from planning.windows import ALWAYS
from trial import TrialProcess
from trial_process import run_step

PEOPLE = 240
RUNS = ("run-1", "run-2", "run-3", "run-4")
NAMES = [f"C{number}" for number in range(PEOPLE)]
_CHUNK = 20


@dataclass(frozen=True)
class Followers:
    """Runs of a campaign that follows up another, each of an interval of its own or all of one."""

    folder: Path
    ledger_url: URL
    at_most: int
    one_interval: bool = False

    def plan(self, run_id: str) -> None:
        """Plan everybody in small chunks, which all runs take in the same order, so that they meet at each."""
        rule = FollowUpRule(
            "first", frozenset({CallStatus.REFUSED}), at_most=self.at_most, apart=timedelta(), within=timedelta(7)
        )
        rules = PlanningRules(
            "again", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS, per_number=None, follow_up=rule, calls_per_batch=7
        )
        ledger = Ledger(self.ledger_url)
        columns = ContactColumns("id", ("mobile",), {})
        planner = Planner(ledger, rules, columns, run_id=run_id, log=logging.getLogger("again"))
        planner.plan("one" if self.one_interval else run_id, _chunks())
        ledger.close()

    def process(self, run_id: str, gate: Any) -> TrialProcess:
        output = self.folder / f"{run_id}.log"
        process = multiprocessing.get_context("forkserver").Process(
            target=run_step, args=(self, "plan", run_id, "", 1, str(output), gate)
        )
        process.start()
        return TrialProcess(process, output)


def _chunks() -> Iterator[pd.DataFrame]:
    for first in range(0, PEOPLE, _CHUNK):
        ids = NAMES[first : first + _CHUNK]
        yield pd.DataFrame({"id": ids, "mobile": [f"99999{int(each[1:]):05}" for each in ids]})
