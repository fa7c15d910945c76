"""``phonon campaigns``: what is listed, what is found wrong, and that what is shown is what a run would do."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import yaml
from sqlalchemy import URL, func, make_url, select
from typer.testing import CliRunner, Result

from cli.test_cli_processes import phonon as phonon_process
from phonon.api.request import Envelope
from phonon.cli.app import app
from phonon.ledger.schema import batches, calls, do_not_call, intervals, plans, rejects
from phonon.ledger.store import Ledger
from phonon.rehearsal.masking import masked_body
from phonon.rehearsal.templates import PARAMS
from simulator import Settings
from simulator.running import running
from trial import SECURITY_ID, Trial, leaks, sqlite_url

DATE = "2026-11-24T03:30:00+00:00"
KEYS: dict[str, Any] = {
    "name": "trial",
    "contacts": "SELECT id, mobile, name FROM people ORDER BY rowid",
    "contact_id": "id",
    "numbers": ["mobile"],
    "variables": {"Name": "name"},
    "flow_id": "abcdEF12",
    "start_at": "11:30",
}


class World:
    """A folder of campaigns, and a trial whose connections are in the environment."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.folder = trial.folder / "include" / "campaigns"
        self.folder.mkdir(parents=True)

    def write(self, file: str = "trial.yaml", **keys: Any) -> Path:
        path = self.folder / file
        path.write_text(yaml.safe_dump({**KEYS, **keys}, sort_keys=False), encoding="utf-8")
        return path


@pytest.fixture
def world(tmp_path: Path, ledger_url: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running(Settings()) as standin:
        found = World(Trial(tmp_path, standin, ledger_url, keys=KEYS))
        found.write()
        monkeypatch.setenv("PHONON_CAMPAIGNS", str(found.folder))
        for name, connection in connections(found.trial).items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
        monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", os.environ.get("_AIRFLOW_PROCESS_CONTEXT", "client"))
        yield found


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """An SQLite file; a test that says so gets PostgreSQL as well."""
    return URL.create("sqlite", database=str(tmp_path / "phonon_ledger.db"))


def connections(trial: Trial) -> dict[str, Mapping[str, Any]]:
    url = trial.ledger_url
    ledger: dict[str, Any] = {"conn_type": "sqlite", "host": url.database}
    if url.get_backend_name() != "sqlite":
        ledger = {"conn_type": "postgres", "host": url.query["host"], "login": url.username, "schema": url.database}
    return {
        "WAREHOUSE": {"conn_type": "duckdb", "host": str(trial.warehouse_file)},
        "PHONON_DEFAULT": {"conn_type": "phonon", "password": SECURITY_ID, "extra": {"bulk_per_minute": 600}},
        "PHONON_LEDGER": ledger,
    }


def phonon(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["campaigns", *arguments])
    assert not leaks(result.output)
    assert not re.search(r"Traceback", result.output)
    return result


def test_every_campaign_is_listed_with_its_hours_and_an_invalid_one_with_its_error(world: World) -> None:
    world.write("broken.yaml", name="broken", endpoint="bulkk")
    listed = phonon("list")
    assert listed.exit_code == 0
    titles, broken, trial, total = listed.output.splitlines()
    assert titles.split() == ["name", "schedule", "purpose", "hours", "endpoint", "state"]
    assert "invalid: line 10, column 11: endpoint: Expected one of bulk, realtime" in broken
    assert trial.split() == ["trial", "promotional", "10:00-21:00", "Asia/Kolkata", "bulk", "valid"]
    assert total == "2 campaigns, 1 of them invalid"
    as_json = json.loads(phonon("list", "--json").output)
    assert [(each["name"], each["state"]) for each in as_json] == [("broken", "invalid"), ("trial", "valid")]


@pytest.mark.parametrize(
    ("keys", "place", "said"),
    [
        ({"purpose": "servise"}, "purpose", "Did you mean 'service'?"),
        ({"contacts": "sql/gone.sql"}, "contacts", "There is no file 'sql/gone.sql'"),
        ({"contacts": "SELECT {{ ds id FROM people"}, "contacts", "The Jinja of contacts cannot be read (line 1"),
        (
            {"contacts": "SELECT {{ ti.xcom_pull() }} AS id"},
            "contacts",
            "Write another name instead of ti in contacts, line 1",
        ),
        ({"contacts": "SELECT id FROM nowhere"}, "contacts", "nowhere"),
        ({"numbers": ["mobil"]}, "contacts", "'mobil' (numbers; did you mean 'mobile'?)"),
        ({"suppress": "SELECT id, mobile FROM people"}, "suppress", "returns 2 columns: id, mobile"),
        (
            {"notify": [{"notifier": "no.such.Notifier"}]},
            "notify[0].notifier",
            "no.such.Notifier cannot be imported",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:20],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(
    world: World, keys: Mapping[str, Any], place: str, said: str
) -> None:
    path = world.write(**keys)
    found = phonon("check", str(path))
    assert found.exit_code == 1
    assert found.output.startswith(f"{path}: 1 problem\n")
    assert re.search(rf"^line \d+, column \d+: {re.escape(place)}$", found.output, re.MULTILINE)
    assert "^" in found.output
    assert said in found.output


def test_files_that_are_fine_are_fine_together_or_alone(world: World) -> None:
    path = world.write("other.yaml", name="other", suppress="SELECT mobile FROM people -- all of them;")
    checked = phonon("check")
    assert checked.exit_code == 0
    assert checked.output == f"{path}: fine\n{world.folder / 'trial.yaml'}: fine\n"
    assert phonon("check", str(path), str(world.folder)).exit_code == 0


def test_one_bad_file_of_several_fails_and_the_others_are_still_judged(world: World) -> None:
    bad = world.write("bad.yaml", name="trial")
    checked = phonon("check", str(bad), str(world.folder / "trial.yaml"))
    assert checked.exit_code == 1
    assert checked.output.count("Give one another name.") == 2


def test_campaigns_that_would_start_each_other_are_found_together_or_alone(world: World) -> None:
    first = world.write("first.yaml", name="first", schedule={"asset": "phonon://second/results"})
    world.write("second.yaml", name="second", schedule={"asset": "phonon://first/results"})
    alone = phonon("check", str(first))
    assert alone.exit_code == 1
    assert alone.output.startswith(f"{first}: 1 problem\n")
    assert "first -> second -> first" in alone.output
    together = phonon("check")
    assert together.output.count("would start each other, without end") == 2
    assert f"{world.folder / 'trial.yaml'}: fine" in together.output


def test_without_a_connection_the_queries_are_not_tried_unless_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(contacts="SELECT id FROM nowhere", warehouse_conn_id="elsewhere")
    checked = phonon("check")
    assert (checked.exit_code, checked.output.split(": ")[1]) == (
        0,
        "fine; its queries were not tried in the warehouse\n",
    )
    asked = phonon("check", "--warehouse")
    assert asked.exit_code == 1
    assert "There is no connection 'elsewhere' for the warehouse" in asked.output
    world.write(contacts="SELECT id FROM nowhere")
    assert phonon("check", "--no-warehouse").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "gone.yaml"],
        ["preview"],
        ["preview", "trial", "--limit", "0"],
        ["plan", "trial", "--date", "yesterday"],
        ["plan", "trial", "--nothing"],
    ],
)
@pytest.mark.usefixtures("world")
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert phonon(*arguments).exit_code == 2


def test_what_cannot_be_tried_is_one_message_and_status_1(world: World) -> None:
    world.write("broken.yaml", name="broken", endpoint="bulkk")
    assert "Did you mean 'trial'?" in phonon("plan", "trail").output
    assert "Expected one of bulk, realtime" in phonon("preview", "broken").output
    missing = phonon("list", "--folder", str(world.folder / "gone"))
    assert missing.exit_code == 1
    assert "Create it, or set PHONON_CAMPAIGNS" in missing.output


def test_a_preview_is_what_a_run_would_send_but_for_the_stars(any_hour: datetime, world: World) -> None:
    # Of another day than today's, so that 11:30 is never past: the start-times would be those of the clock.
    other_day = (datetime.now(ZoneInfo("Asia/Kolkata")) + timedelta(days=3)).strftime("%a").lower()
    keys = {"window": {"days": [other_day]}}
    world.write(contacts="SELECT id, mobile, 'call 99999 88888' AS name FROM people ORDER BY rowid", **keys)
    trial = Trial(world.trial.folder, world.trial.phonon, world.trial.ledger_url, keys={**KEYS, **keys})
    shown = phonon("preview", "trial", "--limit", "3", "--date", DATE, "--raw")
    assert shown.exit_code == 0
    [body] = shown.stdout.splitlines()
    assert body == expected_body(trial, name="call 99999 88888", limit=3)
    content = json.loads(body)
    assert content["security-id"] == "*" * 64
    assert content["calls"][2]["contact-numbers"] == ["********0002"]
    assert content["calls"][0]["keys"][0]["value"] == "call ***********"
    assert content["calls"][0]["keys"][1]["value"] == content["calls"][0]["client-identifier"]
    assert "3 calls from the first 60 rows." in shown.stderr
    pretty = phonon("preview", "trial", "--limit", "3", "--date", DATE).stdout
    assert json.loads(pretty[: pretty.rindex("}") + 1]) == content


def expected_body(trial: Trial, *, name: str, limit: int) -> str:
    """The masked body of what a real run plans over the same interval, in a ledger of its own."""
    ledger = Ledger(sqlite_url(trial.folder))
    try:
        sql = f"SELECT id, mobile, '{name}' AS name FROM people ORDER BY rowid"
        trial.job("real", ledger=ledger, limit=limit).extract_and_batch(sql, trial.settings)
        with ledger.transaction(read_only=True) as connection:
            frozen = zlib.decompress(connection.execute(select(batches.c.frozen)).scalar_one())
    finally:
        ledger.close()
    body = Envelope("1.0", SECURITY_ID, "abcdEF12").around(frozen)
    shown = json.dumps(masked_body(body), separators=(",", ":"), ensure_ascii=False)
    assert len(shown.encode()) == len(body), "as many stars as there were characters"
    return shown


def test_a_preview_tells_what_is_not_called_and_goes_on_to_who_is(world: World) -> None:
    with duckdb.connect(str(world.trial.warehouse_file)) as connection:
        connection.execute("UPDATE people SET mobile = '12345' WHERE id = 'C0'")
        connection.execute("UPDATE people SET id = '9999900001' WHERE id = 'C1'")
        connection.execute("UPDATE people SET id = NULL WHERE id = 'C2'")
        connection.execute("UPDATE people SET mobile = NULL WHERE id = '9999900001'")
    shown = phonon("preview", "trial", "--limit", "1", "--date", DATE)
    assert '"********0003"' in shown.output
    remarks = shown.output[shown.output.rindex("}") + 2 :].splitlines()
    assert remarks[0] == "1 call from the first 60 rows. Nothing was planned or sent."
    assert "  row 1 (C0): number: too short" in remarks
    assert "  row 2 (**********): number: missing" in remarks
    assert "  row 3 (no contact id): contact_id: missing" in remarks


class TestPlan:
    """``plan`` on both ledgers: what it says is what a run then does, and saying it changes nothing."""

    @pytest.fixture(params=["sqlite", "postgres"])
    def ledger_url(self, request: pytest.FixtureRequest, tmp_path: Path) -> URL:
        if request.param == "sqlite":
            return URL.create("sqlite", database=str(tmp_path / "phonon_ledger.db"))
        return make_url(request.getfixturevalue("postgres_server").url)

    def test_it_counts_what_the_run_then_counts(self, world: World) -> None:
        keys = {"limits": {"per_number": {"calls": 1, "days": 2}, "max_calls": 50}}
        world.write(**keys)
        trial = Trial(world.trial.folder, world.trial.phonon, world.trial.ledger_url, keys={**KEYS, **keys})
        with duckdb.connect(str(trial.warehouse_file)) as connection:
            connection.execute("UPDATE people SET mobile = '12345' WHERE id = 'C0'")
        trial.extract("run-1", limit=20)
        other = Trial(trial.folder, trial.phonon, trial.ledger_url, keys=trial.keys, interval_key="another day")
        other.extract("run-2", limit=5)
        self._forbid(trial, "919999900030", "919999900031")
        before = self._rows(trial)

        outlook = json.loads(phonon("plan", "trial", "--date", DATE, "--json").stdout)

        assert self._rows(trial) == before, "nothing was claimed"
        planned = trial.extract("run-3")
        assert (outlook["rows_read"], outlook["calls"]) == (planned.rows_read, planned.planned) == (60, 30)
        assert outlook["already_planned"] == planned.already_planned == 20
        assert outlook["still_pending"] == 20
        assert outlook["invalid"] == {"number: too short": 1}
        assert sum(outlook["suppressed"].values()) == planned.suppressed == 9
        reasons = {re.sub(r"\d{4}-\d\d-\d\d", "a day", each): n for each, n in outlook["suppressed"].items()}
        assert reasons == {"do not call": 2, "called on a day by trial": 5, "over max_calls": 2}
        assert outlook["requests"] == planned.batches

    @staticmethod
    def _forbid(trial: Trial, *numbers: str) -> None:
        ledger = Ledger(trial.ledger_url)
        with ledger.transaction() as connection:
            for number in numbers:
                entry = {"added_at": 0, "added_by": "asha", "note": "asked"}
                connection.execute(do_not_call.insert().values(number_hash=ledger.number_hash(number), **entry))
        ledger.close()

    @staticmethod
    def _rows(trial: Trial) -> list[int]:
        ledger = Ledger(trial.ledger_url)
        with ledger.transaction(read_only=True) as connection:
            tables = (intervals, plans, batches, calls, rejects)
            found = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]
        ledger.close()
        return found


def test_a_plan_tells_sizes_days_and_minutes(world: World) -> None:
    told = phonon("plan", "trial", "--date", DATE)
    assert told.exit_code == 0
    assert "Nothing was planned or sent." in told.output
    assert re.search(r"^rows read +60$", told.output, re.MULTILINE)
    assert re.search(r"6 requests to bulk, [\d,]+ bytes; of one request: median [\d,]+", told.output)
    assert "0.1 minutes at 600 calls a minute" in told.output
    assert re.search(r"^2\d{3}-\d\d-\d\d +10:00-21:00 Asia/Kolkata +60$", told.output, re.MULTILINE)
    outlook = json.loads(phonon("plan", "trial", "--date", DATE, "--json").stdout)
    assert outlook["bytes"]["total"] > 6 * outlook["bytes"]["median"] * 0.9 > 5000
    assert outlook["minutes"] == 60 / 600


def test_a_rehearsal_makes_no_ledger_and_no_tables(world: World) -> None:
    ledger = Path(str(world.trial.ledger_url.database))
    done = phonon("plan", "trial")
    assert done.exit_code == 0
    assert "There is no ledger" in done.stderr
    assert "Nobody counts as called before." in done.stderr
    assert phonon("preview", "trial").exit_code == 0
    assert not ledger.exists()
    with duckdb.connect(str(world.trial.warehouse_file)) as connection:
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("people",)]
    assert world.trial.phonon.summary()["requests"] == 0


def test_a_run_that_data_starts_has_no_dates_unless_one_is_given(world: World) -> None:
    contacts = "SELECT id, mobile, '{{ dag_run.logical_date.date() }}' AS name FROM people"
    world.write(contacts=contacts, schedule={"asset": "duckdb://warehouse/people"})
    undated = phonon("preview", "trial")
    assert undated.exit_code == 1
    assert "'None' has no attribute 'date'" in undated.stderr
    assert "give --date" in undated.stderr
    dated = phonon("preview", "trial", "--limit", "1", "--date", "2026-11-24")
    assert '"value": "2026-11-24"' in dated.stdout


def test_a_run_over_a_partition_is_previewed_with_its_key(world: World) -> None:
    world.write(contacts="SELECT id, mobile, '{{ partition_key }}' AS name FROM people", schedule="@daily")
    assert "needs partition_key" in phonon("preview", "trial").stderr
    schedule = {"asset": "duckdb://warehouse/people", "partitioned": True}
    world.write(contacts="SELECT id, mobile, '{{ partition_key }}' AS name FROM people", schedule=schedule)
    assert '"value": "2026-11"' in phonon("preview", "trial", "--limit", "1", "--partition", "2026-11").stdout
    world.write(schedule="@daily")
    assert "does not call by partitions" in phonon("preview", "trial", "--partition", "2026-11").stderr


def test_a_rehearsed_run_has_the_parameters_that_a_run_has(world: World) -> None:
    from phonon.trigger_form import parameters  # noqa: PLC0415 - Airflow, which the other tests load in their own time

    assert {name: param.value for name, param in parameters(world.trial.campaign()).items()} == PARAMS


def test_a_process_prints_nothing_but_the_json(world: World, tmp_path: Path) -> None:
    environment = {f"AIRFLOW_CONN_{name}": json.dumps(found) for name, found in connections(world.trial).items()}
    arguments = ["campaigns", "plan", "trial", "--json", "--folder", str(world.folder)]
    done = phonon_process(*arguments, AIRFLOW_HOME=str(tmp_path), **environment)
    assert done.returncode == 0
    assert json.loads(done.stdout)["calls"] == 60
    assert not leaks(done.stdout + done.stderr)
