"""One step of this project's job in this process, without Airflow: ``python -m benchmarks.steps STEP ...``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import requests
from sqlalchemy import make_url

from benchmarks.places import QUERY, Engine, Hook, Place
from phonon.api.connection import read_connection
from phonon.api.transport import Transport
from phonon.campaign.job import CampaignJob
from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.ledger.store import Ledger
from phonon.warehouse.warehouse import open_warehouse

_SECURITY_ID = "BeNc" * 16
_NO_LIMIT = 1_000_000_000
STEPS = ("extract_and_batch", "trigger_calls", "push_results")
_CAMPAIGN = {
    "name": "bench",
    "contacts": QUERY,
    "contact_id": "contact_id",
    "numbers": ["mobile"],
    "variables": {"Name": "first_name", "DueDate": "due_date", "Amount": "amount"},
    "flow_id": "bEnchm4k",
    "endpoint": "bulk",
}


def step(name: str, place: Place, phonon_url: str) -> Callable[[], object]:
    """Make everything ready for a step; what is given back carries it out."""
    campaign = Campaign.model_validate(_CAMPAIGN)
    urls = {f"{each}_url": f"{phonon_url}/{each}" for each in ("bulk", "realtime")}
    settings = read_connection("bench", _SECURITY_ID, {**urls, "bulk_per_minute": _NO_LIMIT})
    job = CampaignJob(
        campaign,
        Run("bench", "manual", "2026-11-24T03:30:00+00:00"),
        ledger=Ledger(make_url(place.ledger_url)),
        warehouse=open_warehouse(Hook(place), conn_id="warehouse"),
        log=logging.getLogger("bench"),
    )
    session = requests.Session()
    session.trust_env = False
    return {
        "extract_and_batch": lambda: job.extract_and_batch(QUERY, settings),
        "trigger_calls": lambda: job.trigger_calls(
            settings, lambda: Transport(session, settings.urls, settings.timeout)
        ),
        "push_results": lambda: job.push_results("completed"),
    }[name]


if __name__ == "__main__":
    step(sys.argv[1], Place(Engine(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]), sys.argv[5])()
