"""The Airflow task that sends is ended by a signal at each labelled point; Airflow's own retry finishes the run.

Every point meets every signal once, with the databases alternating so that any two of the four (point, signal,
ledger, warehouse) meet. ``PHONON_ALL_FAULTS=1`` in the environment runs all 40 combinations. The runs are
started together, and each test waits for its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product

import pytest

from faults.airflow_campaign import CONTACTS, AirflowCampaign, AirflowOffice, Databases
from phonon.dispatch.points import Point

pytestmark = pytest.mark.xdist_group("airflow")

_POINTS = list(Point)
_SIGNALS = ("SIGKILL", "SIGTERM")
_ALL_DATABASES = [Databases(*pair) for pair in product(("sqlite", "postgres"), ("duckdb", "postgres"))]
_IN_FLIGHT = 20
Case = tuple[Point, str, Databases]


def _cases() -> list[Case]:
    if os.environ.get("PHONON_ALL_FAULTS"):
        return list(product(_POINTS, _SIGNALS, _ALL_DATABASES))
    # At each point the second signal meets the two databases that the first one does not.
    return [
        (point, name, _ALL_DATABASES[number % 4 if name == "SIGKILL" else 3 - number % 4])
        for number, point in enumerate(_POINTS)
        for name in _SIGNALS
    ]


def _endpoint(case: Case) -> str:
    return ("bulk", "realtime")[(_POINTS.index(case[0]) + _SIGNALS.index(case[1])) % 2]


def _name(case: Case) -> str:
    return f"{case[0]}_{case[1].lower()}_{case[2]}".replace("-", "_")


@pytest.fixture(scope="module")
def campaigns(request: pytest.FixtureRequest, airflow: AirflowOffice) -> Iterator[dict[Case, AirflowCampaign]]:
    """The campaigns of all the cases that were selected, their runs started."""
    selected = [
        item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    ]
    with ExitStack() as stack:
        started = {}
        for case in selected:
            point, name, databases = case
            made = airflow.campaign(_name(case), databases, endpoint=_endpoint(case), fault=(point, name, 2))
            started[case] = stack.enter_context(made)
        for campaign in started.values():
            campaign.trigger()
        yield started


@pytest.mark.parametrize("case", _cases(), ids=_name)
def test_a_sending_task_that_a_signal_ends_is_retried_without_calling_anyone_twice(
    campaigns: dict[Case, AirflowCampaign], case: Case
) -> None:
    campaign = campaigns[case]

    state = campaign.wait_for_end()

    assert (campaign.folder / "struck").exists()
    assert campaign.task("trigger_calls")["try_number"] == 2
    campaign.assert_books_agree()
    statuses = campaign.statuses()
    assert state == ("failed" if statuses["held"] else "success")
    if case[1] == "SIGTERM":  # it waits for the answers to what is in flight
        assert statuses == {"accepted": CONTACTS}
    elif _endpoint(case) == "realtime":
        assert statuses["accepted"] + statuses["accepted_earlier"] == CONTACTS
    else:  # bulk may not notice a repetition: a person decides about what was in flight
        assert statuses["accepted"] + statuses["held"] == CONTACTS
        assert statuses["held"] <= _IN_FLIGHT
