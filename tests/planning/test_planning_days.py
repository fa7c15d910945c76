"""Calls of several days in one query: no batch can be sent when the day of one of its calls is over."""

from __future__ import annotations

import logging
import zlib
from datetime import datetime

import pandas as pd
import pytest
from sqlalchemy import select

from phonon.api.endpoints import Endpoint
from phonon.api.request import thaw
from phonon.contacts.cleaning import ContactColumns
from phonon.ledger.schema import batches
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planner
from phonon.planning.rules import PlanningRules
from phonon.planning.start_times import last_sending_time
from planning.windows import ALWAYS

_DAYS = ["2026-11-27T12:00", "2026-11-25T12:00", "2026-11-26T12:00", "2026-11-25T13:00"]


@pytest.mark.parametrize("calls_per_batch", [1, 2, 3, 500])
def test_a_batch_ends_with_the_day_of_its_calls_in_whatever_order_they_come(
    ledger: Ledger, calls_per_batch: int
) -> None:
    numbers = [f"91999990{i:04}" for i in range(len(_DAYS))]
    frame = pd.DataFrame({"id": ["a", "b", "c", "d"], "mobile": numbers, "at": _DAYS})
    rules = PlanningRules(
        "trial", "abcdEF12", Endpoint.BULK, "1.0", ALWAYS, per_number=None, calls_per_batch=calls_per_batch
    )
    columns = ContactColumns("id", ("mobile",), {}, "at")
    log = logging.getLogger("planning")
    assert Planner(ledger, rules, columns, run_id="run-1", log=log).plan("day 1", [frame]).planned == len(_DAYS)
    with ledger.transaction(read_only=True) as connection:
        rows = connection.execute(select(batches.c.frozen, batches.c.not_after)).all()
    assert rows
    for row in rows:
        starts = [datetime.fromisoformat(call["start-time"]) for call in thaw(zlib.decompress(row.frozen))]
        assert {last_sending_time(start).timestamp() for start in starts} == {row.not_after}
