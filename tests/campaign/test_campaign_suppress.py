"""Campaigns with a suppress query, a group and a do-not-call list: from the file to the results table."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from pydantic import ValidationError
from sqlalchemy import URL, select

from phonon.campaign.loading import load_campaign
from phonon.campaign.model import Campaign
from phonon.campaign.parts import PerNumber
from phonon.campaign.problems import CampaignError
from phonon.errors import ConfigurationError, WarehouseError
from phonon.ledger import do_not_call
from phonon.ledger.schema import batches, plans
from phonon.ledger.store import Ledger
from phonon.review.desk import Person
from phonon.review.do_not_call import DoNotCallDesk
from phonon.review.number_lists import numbers_of
from simulator import Fault, Kind, Settings
from simulator.running import running
from trial import Trial, leaks

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHORT = {
    "name": "renewals",
    "contacts": "SELECT id, mobile FROM people",
    "contact_id": "id",
    "numbers": ["mobile"],
    "flow_id": "abcdEF12",
}
LISTED = "SELECT mobile FROM listed"
ASHA = Person("asha", "cli:asha")


@pytest.fixture
def new_trial(tmp_path: Path, ledger_url: URL) -> Iterator[Callable[..., Trial]]:
    """Makes a trial with a stand-in Phonon of its own, and a table of numbers that must not be called."""
    with ExitStack() as stack:

        def make(*listed: object, **options: Any) -> Trial:
            phonon = stack.enter_context(running(Settings(bulk_per_minute=600, realtime_per_minute=600)))
            trial = Trial(tmp_path, phonon, ledger_url, **options)
            with duckdb.connect(str(trial.warehouse_file)) as connection:
                connection.execute("CREATE TABLE listed (mobile VARCHAR)")
                if listed:
                    connection.executemany("INSERT INTO listed VALUES (?)", [[str(each)] for each in listed])
            return trial

        yield make


def add_to_list(trial: Trial, *numbers: str) -> None:
    ledger = Ledger(trial.ledger_url)
    DoNotCallDesk(ledger).add(numbers_of(numbers), "asked by letter", ASHA)
    ledger.close()


def reasons(trial: Trial) -> dict[str, str]:
    return {row["contact_id"]: row["reason"] or row["status"] for row in trial.results()}


def last4_called(trial: Trial) -> set[str]:
    return {call.number_last4 for call in trial.phonon.accepted()}


def planned_anything(trial: Trial) -> bool:
    ledger = Ledger(trial.ledger_url)
    try:
        with ledger.transaction(read_only=True) as connection:
            return any(connection.execute(select(table.c.id)).first() for table in (plans, batches))
    finally:
        ledger.close()


def test_a_campaign_has_no_suppress_query_and_no_group_unless_it_names_them() -> None:
    campaign = Campaign.model_validate(SHORT)
    assert (campaign.suppress, campaign.suppress_sql) == (None, None)
    assert campaign.limits.per_number == PerNumber(calls=1, days=1, group=None)


def test_a_suppress_query_is_a_file_or_sql_as_the_contacts_are(tmp_path: Path) -> None:
    folder = tmp_path / "include" / "campaigns"
    folder.mkdir(parents=True)
    (tmp_path / "include" / "sql").mkdir()
    (tmp_path / "include" / "sql" / "listed.sql").write_text("SELECT 'from the file'")
    (tmp_path / "include" / "sql" / "people.sql").write_text("SELECT 'people'")
    path = folder / "renewals.yaml"
    path.write_text(yaml.safe_dump({**SHORT, "suppress": "sql/listed.sql", "contacts": "sql/people.sql"}))
    campaign = load_campaign(path, include=tmp_path / "include")
    assert (campaign.suppress_sql, campaign.contacts_sql) == ("SELECT 'from the file'", "SELECT 'people'")
    path.write_text(yaml.safe_dump({**SHORT, "suppress": LISTED}))
    assert load_campaign(path, include=tmp_path / "include").suppress_sql == LISTED


@pytest.mark.parametrize(
    ("suppress", "told"),
    [
        ("sql/nowhere.sql", "There is no file 'sql/nowhere.sql'"),
        ("../secret.sql", "leads out of"),
        ("DELETE FROM people", "Expected a path under include/ that ends in .sql, or SQL with a SELECT"),
        (5, "Expected a path under include/"),
    ],
)
def test_a_suppress_query_that_cannot_be_used_is_told(tmp_path: Path, suppress: object, told: str) -> None:
    folder = tmp_path / "include" / "campaigns"
    folder.mkdir(parents=True)
    path = folder / "renewals.yaml"
    path.write_text(yaml.safe_dump({**SHORT, "suppress": suppress}))
    with pytest.raises(CampaignError) as error:
        load_campaign(path, include=tmp_path / "include")
    assert told in str(error.value)
    assert "suppress" in str(error.value)


def test_the_text_of_a_file_that_nobody_has_read_is_an_error() -> None:
    campaign = Campaign.model_validate({**SHORT, "suppress": "sql/listed.sql"})
    with pytest.raises(ConfigurationError, match=r"sql/listed\.sql, which has not been read"):
        _ = campaign.suppress_sql
    assert campaign.with_sql_of_file("SELECT 1", key="suppress").suppress_sql == "SELECT 1"


@pytest.mark.parametrize("group", ["", "two words", "1st", "group:reminders", 5])
def test_a_group_is_named_as_a_campaign_is(group: object) -> None:
    with pytest.raises(ValidationError):
        Campaign.model_validate({**SHORT, "limits": {"per_number": {"group": group}}})


def test_every_campaign_that_the_page_shows_can_be_read() -> None:
    snippets = re.findall(r"```yaml\n(.*?)```", (DOCS / "suppression.md").read_text(), flags=re.DOTALL)
    read = [Campaign.model_validate({**SHORT, **yaml.safe_load(snippet)}) for snippet in snippets]
    assert [campaign.limits.per_number for campaign in read[:2]] == [
        PerNumber(calls=1, days=1),
        PerNumber(calls=2, days=7, group="reminders"),
    ]
    assert [campaign.suppress is None for campaign in read] == [True, True, False, False]


def test_each_suppressed_contact_is_in_the_results_with_its_reason(new_trial: Callable[..., Trial]) -> None:
    keys = {"suppress": LISTED, "limits": {"max_calls": 4}, "contacts": "SELECT * FROM people ORDER BY id"}
    trial = new_trial("+91 99999 00001", "09999900002", "nobody", contacts=9, keys=keys)
    with duckdb.connect(str(trial.warehouse_file)) as connection:
        connection.execute("INSERT INTO people VALUES ('C0 again', '9999900000', 'Asha'), ('C00', '12', 'Asha')")
    add_to_list(trial, "99999 00003")
    trial.run()
    trial.assert_books_agree(rows=11)
    listed, often, over = "do not call", "same number as C0 in this run", "over max_calls"
    assert {name: reason for name, reason in reasons(trial).items() if reason != "accepted"} == {
        "C0 again": often,
        "C00": "number: too short",
        "C1": listed,
        "C2": listed,
        "C3": listed,
        "C7": over,
        "C8": over,
    }
    assert trial.statuses() == {"accepted": 4, "suppressed": 6, "invalid": 1}
    [run] = trial.runs()
    assert (run["rows_read"], run["accepted"], run["suppressed"], run["invalid"]) == (11, 4, 6, 1)


def test_campaigns_of_a_group_share_their_calls_in_whole_runs(
    new_trial: Callable[..., Trial],
) -> None:
    limits = {"per_number": {"calls": 1, "days": 1, "group": "reminders"}}
    trial = new_trial(contacts=10, keys={"limits": limits})
    trial.run()
    trial.keys = {"limits": limits, "name": "another"}
    assert trial.extract("run-2").suppressed == 10
    trial.keys = {"name": "one.of.its.own"}
    assert trial.extract("run-3").planned == 10


@pytest.mark.parametrize(
    ("suppress", "error", "told"),
    [
        ("SELECT mobile FROM nowhere", WarehouseError, "nowhere"),
        ("SELECT id, mobile FROM people", ConfigurationError, "returns 2 columns: id, mobile. It must return one"),
        ("EXPLAIN ANALYZE INSERT INTO listed SELECT mobile FROM people", WarehouseError, "read-only"),
        ("SELECT mobile FROM listed WHERE '{{ ds }}' > ''", ConfigurationError, "Jinja that was not rendered"),
    ],
)
def test_a_suppress_query_that_fails_fails_the_run_before_anything_is_planned(
    new_trial: Callable[..., Trial], suppress: str, error: type[Exception], told: str
) -> None:
    trial = new_trial(contacts=5, keys={"suppress": suppress})
    with pytest.raises(error, match=told) as raised:
        trial.extract()
    assert not leaks(str(raised.value))
    assert not planned_anything(trial)
    with duckdb.connect(str(trial.warehouse_file)) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (5,)


def test_the_rendered_query_counts_and_not_the_one_of_the_campaign(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=3, keys={"suppress": "SELECT mobile FROM people WHERE id = '{{ ds }}'"})
    ledger = Ledger(trial.ledger_url)
    rendered = "SELECT mobile FROM people WHERE id = 'C1'"
    planned = trial.job(ledger=ledger).extract_and_batch(
        trial.campaign().contacts_sql, trial.settings, suppress=rendered
    )
    ledger.close()
    assert (planned.planned, planned.suppressed) == (2, 1)


def test_a_test_run_calls_the_tester_and_a_dry_run_suppresses(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial("9999900000", contacts=3, keys={"suppress": LISTED})
    add_to_list(trial, "9999900001", "9999977777")
    dry = trial.extract("dry", dry_run=True)
    assert (dry.suppressed, dry.dry_run) == (2, 1)
    trial.push("dry", dry_run=True)
    assert reasons(trial) == {"C0": "do not call", "C1": "do not call", "C2": "dry run"}
    trial.interval_key = "a test"
    trial.run("try", test_numbers=("919999977777",))
    assert last4_called(trial) == {"7777"}


def test_a_number_that_is_added_between_planning_and_sending_is_not_called(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(contacts=12)
    trial.extract()
    add_to_list(trial, "9999900003", "9999900007")
    trial.trigger()
    trial.push()
    trial.assert_books_agree()
    assert {name for name, reason in reasons(trial).items() if reason == "do not call"} == {"C3", "C7"}
    assert trial.statuses() == {"accepted": 10, "suppressed": 2}


def test_what_a_stopped_run_left_is_looked_at_again_before_it_is_sent(
    new_trial: Callable[..., Trial], caplog: pytest.LogCaptureFixture
) -> None:
    trial = new_trial(contacts=12)
    trial.phonon.inject(Fault(Kind.CODE, code=212, times=None))
    assert trial.run().stopped is not None
    ledger = Ledger(trial.ledger_url)
    with ledger.transaction() as connection:  # the list alone, as if the command had ended before the rest
        hashes = [ledger.number_hash("919999900003")]
        do_not_call.add(connection, hashes, by="asha", note="asked by letter", now=ledger.now(connection))
    ledger.close()
    trial.phonon.clear_faults()
    with caplog.at_level(logging.WARNING):
        trial.run()
    assert "Do not call: 1 planned call taken back" in caplog.text
    trial.assert_books_agree()
    assert trial.statuses() == {"accepted": 11, "suppressed": 1}
    assert "0003" not in last4_called(trial)


_TWO_NUMBERS = {
    "suppress": LISTED,
    "numbers": ["mobile", "other"],
    "contacts": "SELECT *, '99999' || CAST(51000 + rowid AS VARCHAR) AS other FROM people ORDER BY id",
}


def stop_with_everything_pending(trial: Trial, *then_listed: str) -> None:
    """A run that Phonon refuses as a whole; afterwards the suppress query returns other numbers."""
    trial.phonon.inject(Fault(Kind.CODE, code=212, times=None))
    assert trial.run().stopped is not None
    trial.phonon.clear_faults()
    with duckdb.connect(str(trial.warehouse_file)) as connection:
        connection.executemany("INSERT INTO listed VALUES (?)", [[each] for each in then_listed])


def test_what_an_earlier_run_left_is_held_against_the_suppress_query_of_the_run_that_takes_it_up(
    new_trial: Callable[..., Trial], caplog: pytest.LogCaptureFixture
) -> None:
    trial = new_trial(contacts=9, keys=_TWO_NUMBERS)
    stop_with_everything_pending(trial, "9999900003", "09999951003", "+91 99999 00005")
    with caplog.at_level(logging.WARNING):
        trial.run("run-2")
    assert "Do not call: 1 planned call taken back, 1 have other numbers left" in caplog.text
    trial.assert_books_agree()
    assert {name: reason for name, reason in reasons(trial).items() if reason != "accepted"} == {
        "C3": "do not call"
    }
    assert last4_called(trial) == {*(f"000{i}" for i in (0, 1, 2, 4, 6, 7, 8)), "1005"}
    assert not leaks(caplog.text)


def test_a_suppressed_contact_that_the_query_does_not_return_any_more_is_not_called_either(
    new_trial: Callable[..., Trial],
) -> None:
    trial = new_trial(contacts=6, keys={"suppress": LISTED})
    stop_with_everything_pending(trial, "9999900003")
    trial.keys = {**trial.keys, "contacts": "SELECT id, mobile, name FROM people WHERE id <> 'C3'"}
    trial.run("run-2")
    assert last4_called(trial) == {f"000{i}" for i in (0, 1, 2, 4, 5)}
    trial.assert_books_agree(rows=5)


@pytest.mark.parametrize("options", [{"dry_run": True}, {"test_numbers": ("919999977777",)}])
def test_a_run_that_calls_no_contact_takes_nothing_back(
    new_trial: Callable[..., Trial], options: dict[str, Any]
) -> None:
    trial = new_trial(contacts=6, keys={"suppress": LISTED})
    stop_with_everything_pending(trial, "9999900003")
    trial.extract("run-2", **options)
    trial.push("run-2", **options)
    assert trial.statuses()["pending"] == 6
