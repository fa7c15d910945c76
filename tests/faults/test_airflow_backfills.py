"""Backfills, by the API that Airflow's UI uses, with each of its ways to treat runs that exist already.

One story, told by the fixture: a campaign with a run a day, the last four of which are due. A person runs the
oldest day by hand, and its first request is answered with 212. Then come three backfills over all four days, which
treat runs as ``none``, as ``failed`` and as ``completed``. In the first of them the day before the last is stopped
by 212 as well, and the second batch of the last day is never answered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from faults.airflow_campaign import CONTACTS, AirflowCampaign, AirflowOffice, Databases
from faults.airflow_processes import wait_for
from phonon.campaign.purposes import Purpose
from simulator import Fault, Kind, When

pytestmark = pytest.mark.xdist_group("airflow")

DAY = CONTACTS // 4  # contacts of an interval: two batches
NEWEST, YESTERDAY, OLD, OLDEST = range(4)
_DATABASES = Databases("postgres", "postgres")
_BEGIN = datetime.now(UTC)
# So long ago that the scheduler does not make up for it by itself, which it does for a tenth of a day.
_NEWEST = (_BEGIN - timedelta(hours=4)).replace(second=0, microsecond=0)
_DAYS = [_NEWEST - timedelta(days=age) for age in range(4)]
_AS_RUN_ON = _NEWEST.astimezone(ZoneInfo("Asia/Kolkata"))
_KEYS = {
    "schedule": f"{_AS_RUN_ON.minute} {_AS_RUN_ON.hour} * * *",
    # Each day has contacts of its own.
    "contacts": "SELECT id, mobile, name FROM people WHERE CAST(substr(id, 2) AS integer) % 4 = "
    "{{ run_date.toordinal() % 4 }} ORDER BY id",
    "backfill": {"max_age": "2d"},
    "on_held": "succeed",
}


@dataclass(frozen=True)
class Chapter:
    """What was to be seen after one part of the story."""

    would_run: list[datetime]
    """What Airflow said, before, that the backfill would run."""
    runs: list[Mapping[str, Any]]
    """From the oldest day to the newest."""
    requests: int
    statuses: dict[int, Counter[str]]
    """By how many days ago the interval was."""


class Story:
    """What a person does, and what came of it."""

    def __init__(self, campaign: AirflowCampaign) -> None:
        self.campaign = campaign
        self._client, self._name = campaign.client, campaign.name
        self._range = (_DAYS[OLDEST] - timedelta(minutes=1), _DAYS[NEWEST] + timedelta(minutes=1))
        campaign.wait_until_known()
        campaign.phonon.inject(Fault(Kind.CODE, code=212))
        campaign.run_id = self._client.trigger(self._name, _DAYS[OLDEST])
        assert campaign.wait_for_end() == "failed"
        self.by_hand = self._chapter([])
        campaign.phonon.inject(Fault(Kind.CODE, code=212))
        campaign.phonon.inject(Fault(Kind.RESET, when=When.AFTER, skip=2))
        self.none = self._backfill("none", at_once=1)
        self.failed = self._backfill("failed", at_once=2)
        self.completed = self._backfill("completed", at_once=4)

    def run(self, day: int) -> str:
        """The id of the run of a day."""
        return str(self.completed.runs[OLDEST - day]["dag_run_id"])

    def _backfill(self, behavior: str, *, at_once: int) -> Chapter:
        options = {"reprocess_behavior": behavior, "max_active_runs": at_once}
        would_run = self._client.would_backfill(self._name, *self._range, **options)
        made = self._client.backfill(self._name, *self._range, **options)
        wait_for(self._is_over, f"the backfill {behavior} is over")
        self._client.end_backfill(made)
        return self._chapter(would_run)

    def _is_over(self) -> bool:
        return all(run["state"] in {"success", "failed"} for run in self._client.runs(self._name))

    def _chapter(self, would_run: list[datetime]) -> Chapter:
        statuses: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for row in self.campaign.results():
            statuses[_DAYS.index(datetime.fromisoformat(row["interval_key"]))][row["status"]] += 1
        requests = self.campaign.phonon.summary()["requests"]
        return Chapter(would_run, self._client.runs(self._name), requests, dict(statuses))


@pytest.fixture(scope="module")
def story(airflow: AirflowOffice) -> Iterator[Story]:
    with airflow.campaign("backfilled", _DATABASES, keys=_KEYS) as campaign:
        yield Story(campaign)


def test_a_backfill_runs_the_days_that_have_no_run_as_airflow_says_before(story: Story) -> None:
    assert story.none.would_run == [_DAYS[OLD], _DAYS[YESTERDAY], _DAYS[NEWEST]]
    assert [run["run_type"] for run in story.none.runs] == ["manual", "backfill", "backfill", "backfill"]
    assert [run["state"] for run in story.none.runs] == ["failed", "success", "failed", "success"]


def test_each_day_of_a_backfill_calls_its_own_contacts_and_none_of_a_day_that_is_too_old(story: Story) -> None:
    assert story.none.statuses == {
        NEWEST: {"accepted": DAY // 2, "held": DAY // 2},
        YESTERDAY: {"pending": DAY},
        OLD: {"dry_run": DAY},
        OLDEST: {"pending": DAY},
    }


def test_a_backfill_of_what_failed_sends_what_a_young_day_has_left_and_nothing_of_an_old_one(story: Story) -> None:
    assert story.failed.would_run == [_DAYS[OLDEST], _DAYS[YESTERDAY]]
    assert [run["dag_run_id"] for run in story.failed.runs] == [run["dag_run_id"] for run in story.none.runs]
    assert [run["run_type"] for run in story.failed.runs] == ["backfill"] * 4
    assert [run["state"] for run in story.failed.runs] == ["success"] * 4
    expected = {**story.none.statuses, YESTERDAY: Counter(accepted=DAY)}
    assert story.failed.statuses == expected


def test_a_backfill_of_what_completed_runs_all_days_again_at_once_and_calls_nobody(story: Story) -> None:
    assert story.completed.would_run == _DAYS[::-1]
    assert [run["state"] for run in story.completed.runs] == ["success"] * 4
    assert story.completed.requests == story.failed.requests
    assert story.completed.statuses == story.failed.statuses
    story.campaign.assert_books_agree()


def test_no_call_of_a_backfill_starts_in_the_past_or_outside_the_window(story: Story) -> None:
    calls = story.campaign.phonon.accepted()
    assert len(calls) == 2 * DAY
    window = Purpose.PROMOTIONAL.preset
    assert all(call.start_time >= _BEGIN.replace(microsecond=0) for call in calls)
    assert all(window.is_open(call.dials_at) for call in calls)


@pytest.mark.parametrize(
    ("day", "decision"),
    [
        (NEWEST, f"calls. Of {DAY} contacts: 0 calls planned in 0 batches, {DAY} planned by an earlier run"),
        (OLD, f"sends nothing (backfill: older than 2 days). Of {DAY} contacts: {DAY} would be called, 0 planned"),
        (
            OLDEST,
            f"(backfill: older than 2 days). Of {DAY} contacts: 0 would be called, {DAY} planned by an earlier",
        ),
    ],
    ids=["young", "old", "old and left by an earlier run"],
)
def test_the_pages_of_a_run_say_what_was_decided_and_why(story: Story, day: int, decision: str) -> None:
    client, name, run_id = story.campaign.client, story.campaign.name, story.run(day)
    told = client.xcom(name, run_id, "extract_and_batch", "decision")
    assert decision in told
    assert told.startswith(f"backfill run over {_DAYS[day].isoformat()}: ")
    # One for each time that the run has run.
    assert client.asset_events_of(name, run_id)[-1]["extra"]["decision"] == told


def test_the_results_say_why_nothing_was_sent(story: Story) -> None:
    reasons = {row["reason"] for row in story.campaign.results() if row["status"] == "dry_run"}
    assert reasons == {"backfill: older than 2 days"}
    rows = story.campaign.warehouse.execute("SELECT run_id, run_type, outcome FROM phonon_campaign_runs")
    assert {run_id: (kind, outcome) for run_id, kind, outcome in rows} == {
        story.run(NEWEST): ("backfill", "completed"),
        story.run(YESTERDAY): ("backfill", "completed"),
        story.run(OLD): ("backfill", "backfill: older than 2 days"),
        story.run(OLDEST): ("backfill", "backfill: older than 2 days"),
    }


def test_airflow_refuses_the_backfill_of_a_campaign_that_refuses_them(airflow: AirflowOffice) -> None:
    keys = {**_KEYS, "backfill": {"mode": "refuse"}}
    with airflow.campaign("never_backfilled", Databases("sqlite", "duckdb"), keys=keys) as campaign:
        campaign.wait_until_known()
        for ask in (campaign.client.would_backfill, campaign.client.backfill):
            with pytest.raises(AssertionError, match=r"400 .*does not allow backfill runs"):
                ask(campaign.name, _DAYS[OLDEST], _DAYS[NEWEST])
        assert campaign.client.runs(campaign.name) == []
