"""Whole runs of campaigns that wait for their window, or drop what is outside it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from dispatch.sending import Campaign, RunningClock
from phonon.api.transport import Transport
from phonon.calling_window import Outside
from phonon.campaign.job import CampaignJob, Sent
from phonon.ledger.store import Ledger
from planning.windows import INDIA, OFFICE_HOURS
from simulator import Settings
from simulator.running import running
from trial import Trial, sqlite_url

NewCampaign = Callable[..., Campaign]
only_sqlite = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
CONTACTS = 20


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA).timestamp()


class Run:
    """A campaign's steps, one after the other, on a clock that the test sets."""

    def __init__(self, folder: Path, **window: Any) -> None:
        self.clock = RunningClock(at("2026-11-24T12:00:00"))
        self._folder = folder
        self._window = {"open": "10:00", "close": "19:00", **window}

    @contextmanager
    def phonon(self) -> Iterator[Trial]:
        options = Settings(bulk_per_minute=0, realtime_per_minute=0)
        with running(options, clock=self.clock.ist) as handle:
            url = sqlite_url(self._folder)
            yield Trial(self._folder, handle, url, contacts=CONTACTS, keys={"window": self._window})

    def set_clock(self, text: str) -> None:
        self.clock.start += at(text) - self.clock()

    def extract(self, trial: Trial) -> None:
        with self._job(trial) as job:
            job.extract_and_batch(trial.campaign().contacts_sql, trial.settings)

    def trigger(self, trial: Trial) -> Sent:
        session = requests.Session()
        session.trust_env = False
        with self._job(trial) as job:
            sent = job.trigger_calls(
                trial.settings, lambda: Transport(session, trial.settings.urls, trial.settings.timeout)
            )
        with self._job(trial) as job:
            job.push_results("completed")
        return sent

    @contextmanager
    def _job(self, trial: Trial) -> Iterator[CampaignJob]:
        with closing(Ledger(trial.ledger_url, clock=self.clock)) as ledger:
            yield trial.job(ledger=ledger)


def test_calls_that_wait_stay_pending_until_a_run_in_the_window(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(tmp_path, outside="wait", holidays=["2026-11-25"])
    run.set_clock("2026-11-24T22:00:00")
    with run.phonon() as trial:
        run.extract(trial)
        with caplog.at_level(logging.WARNING):
            sent = run.trigger(trial)
        assert (sent.pending, sent.stopped) == (CONTACTS, None)
        assert f"{CONTACTS} calls are pending" in caplog.text
        assert "opens at 2026-11-26 10:00 (Asia/Kolkata)" in caplog.text
        assert trial.phonon.summary()["requests"] == 0
        assert trial.statuses() == {"pending": CONTACTS}
        run.set_clock("2026-11-25T12:00:00")
        assert run.trigger(trial).pending == CONTACTS
        assert trial.phonon.summary()["requests"] == 0

        run.set_clock("2026-11-26T10:30:00")
        caplog.clear()
        assert run.trigger(trial).pending == 0
        assert "calls are pending" not in caplog.text
        assert trial.statuses() == {"accepted": CONTACTS}
        trial.assert_books_agree()


def test_calls_that_waited_until_their_day_was_over_expire(tmp_path: Path) -> None:
    run = Run(tmp_path, outside="wait")
    run.set_clock("2026-11-24T22:00:00")
    with run.phonon() as trial:
        run.extract(trial)
        run.trigger(trial)
        run.set_clock("2026-11-26T12:00:00")
        run.trigger(trial)
        assert trial.statuses() == {"expired": CONTACTS}
        assert trial.phonon.summary()["requests"] == 0


def test_a_run_outside_the_hours_drops_its_calls_and_one_inside_makes_them(tmp_path: Path) -> None:
    run = Run(tmp_path, outside="drop")
    run.set_clock("2026-11-24T22:00:00")
    with run.phonon() as trial:
        run.extract(trial)
        run.trigger(trial)
        assert trial.statuses() == {"suppressed": CONTACTS}
        assert {row["reason"] for row in trial.results()} == {"outside the calling hours"}
        run.set_clock("2026-11-25T12:00:00")
        run.extract(trial)
        run.trigger(trial)
        assert trial.statuses() == {"accepted": CONTACTS}
        run.set_clock("2026-11-25T22:00:00")
        run.extract(trial)
        run.trigger(trial)
        assert trial.statuses() == {"accepted": CONTACTS}, "what was called is shown as called, whatever the hour"
        trial.assert_books_agree()


@only_sqlite
@pytest.mark.parametrize(("outside", "rest"), [(Outside.WAIT, "pending"), (Outside.DROP, "expired")])
def test_when_the_window_closes_during_a_run_the_rest_is(
    new_campaign: NewCampaign, outside: Outside, rest: str
) -> None:
    # A send can take 24 s here, so from 18:59:36 on nothing may dial at once.
    clock = RunningClock(at("2026-11-24T18:59:34"))
    campaign = new_campaign([2] * 12, clock=clock, delay_seconds=0.4)
    interval = campaign.plan()
    assert campaign.send(interval, window=OFFICE_HOURS, max_in_flight=1, outside=outside) is None
    campaign.assert_books_agree()
    found = campaign.statuses()
    assert found.keys() == {"accepted", rest}
    assert campaign.phonon is not None
    assert all(call.dials_at <= datetime(2026, 11, 24, 19, tzinfo=INDIA) for call in campaign.phonon.accepted())

    clock.start += at("2026-11-25T10:30:00") - clock()
    assert campaign.send(interval, window=OFFICE_HOURS, outside=outside) is None
    campaign.assert_books_agree()
    assert campaign.statuses() == ({"accepted": 24} if outside is Outside.WAIT else found)
