from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from holidays import country_holidays, list_supported_countries
from jsonschema import Draft202012Validator

from phonon.calling_window import NO_HOLIDAYS, Outside
from phonon.campaign.holiday_calendars import HolidayCalendar
from phonon.campaign.loading import load_campaign
from phonon.campaign.model import Campaign
from phonon.campaign.problems import CampaignError
from phonon.campaign.schema import campaign_schema
from phonon.errors import ConfigurationError

PROJECT = Path(__file__).parents[2]
REQUIRED = {"name": "a", "contacts": "SELECT 1", "contact_id": "id", "numbers": ["mobile"], "flow_id": "wruHzoCK"}
FILE = """\
name: a
contacts: SELECT 1
contact_id: id
numbers: [mobile]
flow_id: wruHzoCK
"""


def campaign(**keys: Any) -> Campaign:
    return Campaign.model_validate({**REQUIRED, **keys})


def problem_of(folder: Path, lines: str) -> tuple[int, int, str, str]:
    path = folder / "broken.yaml"
    path.write_text(FILE + lines, encoding="utf-8")
    with pytest.raises(CampaignError) as told:
        load_campaign(path, include=folder)
    (problem,) = told.value.problems
    return problem.line, problem.column, problem.key, problem.text


def test_a_campaign_has_no_holidays_and_starts_what_is_outside_in_the_next_window_unless_it_says_so() -> None:
    assert campaign().calling_window.holidays == NO_HOLIDAYS
    assert campaign().window.outside is Outside.NEXT_WINDOW


def test_the_holidays_of_the_contract_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    window = '{open: "10:00", close: "19:00", timezone: Asia/Kolkata, holidays: [2026-12-25]}'
    path.write_text(f"{FILE}window: {window}\n", encoding="utf-8")
    closed = load_campaign(path, include=tmp_path).calling_window
    assert not closed.is_open(datetime.fromisoformat("2026-12-25T12:00:00+05:30"))
    assert closed.is_open(datetime.fromisoformat("2026-12-26T12:00:00+05:30"))


@pytest.mark.parametrize("written", ["IN-KA", {"country": "IN", "region": "KA"}, HolidayCalendar("IN", "KA")])
def test_a_calendar_closes_the_days_that_the_package_names(written: object) -> None:
    window = campaign(window={"holidays": [written]}).calling_window
    expected = country_holidays("IN", subdiv="KA", years=[2026, 2027, 2028])
    noon = datetime.fromisoformat("2026-01-01T12:00:00+05:30")
    days = [noon + timedelta(days=n) for n in range(3 * 365)]
    assert [day.date() for day in days if not window.is_open(day)] == sorted(expected)[: len(expected)]


def test_a_whole_country_has_fewer_holidays_than_one_of_its_states() -> None:
    rajyotsava = date(2026, 11, 1)
    assert rajyotsava in HolidayCalendar("IN", "KA")
    assert rajyotsava not in HolidayCalendar("IN")


def test_dates_and_several_calendars_come_together() -> None:
    window = campaign(window={"holidays": ["2026-11-25", date(2026, 11, 26), "IN-KA", "US"]}).calling_window
    opens = window.next_open(datetime(2026, 11, 24, 12, tzinfo=UTC))  # Guru Nanak's birthday in Karnataka
    assert opens == datetime.fromisoformat("2026-11-27T10:00:00+05:30")


def test_every_country_and_region_of_the_package_can_be_written() -> None:
    known = list_supported_countries(include_aliases=False)
    every = list(known) + [f"IN-{region}" for region in known["IN"]]
    window = campaign(window={"holidays": every}).window
    assert [str(each) for each in window.holidays] == every


# What is written, where that is, which key, and parts of what is told.
BROKEN = [
    ("window: {holidays: [IN-KX]}", 6, 21, "window.holidays[0]", ["has no region 'KX'", "AN, AP, AR", "KA"]),
    ("window: {holidays: [IN-ka]}", 6, 21, "window.holidays[0]", ["no region 'ka'", "Did you mean KA?"]),
    (
        "window: {holidays: [{country: IN, region: Karnatak}]}",
        6,
        43,
        "window.holidays[0].region",
        ["no region 'Karnatak'", "Did you mean KA?"],
    ),
    ("window: {holidays: [EN]}", 6, 21, "window.holidays[0]", ["no calendar of a country 'EN'", "EC, EE, EG"]),
    ("window: {holidays: [{country: EN}]}", 6, 31, "window.holidays[0].country", ["no calendar of a country"]),
    ("window: {holidays: [India]}", 6, 21, "window.holidays[0]", ["a calendar, like IN-KA", "found 'India'"]),
    ("window: {holidays: [NO]}", 6, 21, "window.holidays[0]", ["which YAML reads as true or false"]),
    ("window: {holidays: [{country: NO}]}", 6, 31, "window.holidays[0].country", ["two capital letters in quotes"]),
    ("window: {holidays: [{region: KA}]}", 6, 21, "window.holidays[0]", ["two capital letters"]),
    ("window: {holidays: [{country: IN, region: 7}]}", 6, 43, "window.holidays[0].region", ["code of a region"]),
    (
        "window: {holidays: [{country: IN, state: KA}]}",
        6,
        42,
        "window.holidays[0].state",
        ["has the keys country and region"],
    ),
    ("window: {holidays: [2026-02-30]}", 6, 21, "window.holidays[0]", ["a date that exists", "2026-02-30"]),
    ("window: {holidays: [7]}", 6, 21, "window.holidays[0]", ["a date that exists", "found 7"]),
    ("window: {holidays: 2026-12-25}", 6, 20, "window.holidays", ["a list of dates and calendars"]),
    ("window: {holidays: [IN, IN]}", 6, 20, "window.holidays", ["'IN' comes twice"]),
    ("window: {outside: waits}", 6, 19, "window.outside", ["next_window, wait, drop", "Did you mean 'wait'?"]),
    ('start_at: "09:59"', 6, 11, "start_at", ["No call starts at 09:59", "from 10:00 to 20:58"]),
    ('start_at: "21:00"', 6, 11, "start_at", ["the calling window is 10:00-21:00"]),
    ('start_at: "20:59"', 6, 11, "start_at", ["from 10:00 to 20:58"]),
    ('start_at: "18:59"\nwindow: {close: "19:00"}', 6, 11, "start_at", ["from 10:00 to 18:58"]),
]


@pytest.mark.parametrize(("lines", "line", "column", "key", "told"), BROKEN, ids=[each[0] for each in BROKEN])
def test_what_makes_no_sense_is_told_with_its_place_and_a_cure(
    tmp_path: Path, lines: str, line: int, column: int, key: str, told: list[str]
) -> None:
    found = problem_of(tmp_path, lines + "\n")
    assert found[:3] == (line, column, key)
    for part in told:
        assert part in found[3]


@pytest.mark.parametrize("start", ["10:00", "20:58", "now", "call_at"])
def test_a_start_inside_the_window_is_read(start: str) -> None:
    assert str(campaign(start_at=start).start_at) == start


def test_a_year_of_which_a_calendar_knows_nothing_is_told_rather_than_called_through() -> None:
    window = campaign(window={"holidays": ["LK"]}).calling_window
    with pytest.raises(ConfigurationError, match=r"calendar LK .* has no dates for 2060.*Give the dates"):
        window.is_open(datetime.fromisoformat("2060-06-01T12:00:00+05:30"))


def test_only_a_campaign_that_names_a_calendar_imports_the_package(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(f"{FILE}window: {{holidays: [2026-12-25]}}\n", encoding="utf-8")
    (tmp_path / "named.yaml").write_text(f"{FILE}window: {{holidays: [IN]}}\n", encoding="utf-8")
    script = (
        "import sys; from pathlib import Path; from phonon.campaign.loading import load_campaign\n"
        "for name in sys.argv[2:]:\n"
        "    load_campaign(Path(sys.argv[1], name), include=Path(sys.argv[1])).calling_window\n"
        "    print('holidays' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), "plain.yaml", "named.yaml"]
    environment = {"PYTHONPATH": str(PROJECT / "plugins")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["False", "True"]


def test_holidays_survive_json_and_fit_the_schema() -> None:
    holidays = ["2026-12-25", "IN-KA", {"country": "IN", "region": "MH"}, "US"]
    made = campaign(window={"holidays": holidays, "outside": "drop"})
    assert Campaign.model_validate_json(made.model_dump_json()) == made
    validator = Draft202012Validator(campaign_schema())
    assert list(validator.iter_errors({**REQUIRED, "window": {"holidays": holidays}})) == []
    for wrong in (["IND"], ["christmas"], [7], [{"region": "KA"}], [{"country": "IN", "state": "KA"}], "IN"):
        assert list(validator.iter_errors({**REQUIRED, "window": {"holidays": wrong}}))


def snippets() -> list[str]:
    text = (PROJECT / "docs" / "hours.md").read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("snippet", snippets())
def test_every_snippet_of_the_documentation_is_part_of_a_campaign(snippet: str) -> None:
    assert campaign(**yaml.safe_load(snippet))


def test_the_documentation_has_the_hours_of_every_purpose() -> None:
    text = (PROJECT / "docs" / "hours.md").read_text(encoding="utf-8")
    assert len(snippets()) >= 4
    rows = re.findall(r"^\| (`.*?) \| ([0-9:]+)-([0-9:]+) \|", text, flags=re.MULTILINE)
    written = {name: hours for names, *hours in rows for name in re.findall("`([a-z]+)`", names)}
    assert written == {
        purpose: [f"{window.open:%H:%M}", f"{window.close:%H:%M}"]
        for purpose in ("promotional", "service", "transactional", "recovery")
        for window in [campaign(purpose=purpose).calling_window]
    }
