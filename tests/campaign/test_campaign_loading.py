from __future__ import annotations

import pickle
import re
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonon.api.endpoints import Endpoint
from phonon.calling_window import CallingWindow, Weekday
from phonon.campaign.loading import BrokenCampaign, find_campaigns, load_campaign
from phonon.campaign.model import Campaign
from phonon.campaign.parts import Limits, OnUnknown, PerNumber, UnknownPolicy
from phonon.campaign.problems import CampaignError
from phonon.campaign.purposes import INDIA, Purpose
from phonon.campaign.remains import Remains
from phonon.campaign.start import StartNow
from phonon.errors import ConfigurationError

SHORT = """\
name: {name}
contacts: SELECT policy_id, mobile FROM policies
contact_id: policy_id
numbers: [mobile]
flow_id: wruHzoCK
"""

EVERY_KEY = """\
name: renewal_reminder
description: Remind policy holders a week before renewal
owner: growth
schedule: "0 9 * * MON-SAT"        # cron or preset
start_date: 2026-11-01
purpose: service
contacts: sql/renewal_contacts.sql
contact_id: policy_id
numbers: [mobile, alternate_mobile]
variables: {Name: first_name, DueDate: due_date, Amount: amount}
flow_id: wruHzoCK
endpoint: bulk
start_at: now
window: {open: "10:00", close: "19:00", days: [mon, tue, wed, thu, fri, sat], timezone: Asia/Kolkata}
limits: {max_calls: 50000, per_number: {calls: 1, days: 1}}
on_unknown: {bulk: hold, realtime: resend}
correlation_key: ClientIdentifier
results_table: phonon_call_results
"""


@pytest.fixture
def include(tmp_path: Path) -> Path:
    folder = tmp_path / "include"
    (folder / "campaigns").mkdir(parents=True)
    (folder / "sql").mkdir()
    (folder / "sql" / "renewal_contacts.sql").write_text("SELECT 'from the file'", encoding="utf-8")
    return folder


def write(include: Path, text: str, name: str = "campaign.yaml") -> Path:
    path = include / "campaigns" / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_of_the_format_is_read(include: Path) -> None:
    campaign = load_campaign(write(include, EVERY_KEY), include=include)
    days = frozenset(Weekday) - {Weekday.SUN}
    assert campaign.name == "renewal_reminder"
    assert campaign.description == "Remind policy holders a week before renewal"
    assert campaign.owner == "growth"
    assert campaign.schedule == "0 9 * * MON-SAT"
    assert campaign.start_date == date(2026, 11, 1)
    assert campaign.purpose is Purpose.SERVICE
    assert campaign.contacts_sql == "SELECT 'from the file'"
    assert campaign.contact_id == "policy_id"
    assert campaign.numbers == ("mobile", "alternate_mobile")
    assert campaign.variables == {"Name": "first_name", "DueDate": "due_date", "Amount": "amount"}
    assert campaign.flow_id == "wruHzoCK"
    assert campaign.endpoint is Endpoint.BULK
    assert campaign.start_at == StartNow()
    assert campaign.calling_window == CallingWindow(time(10), time(19), days, INDIA)
    assert campaign.limits == Limits(max_calls=50000, per_number=PerNumber(calls=1, days=1))
    assert campaign.on_unknown == OnUnknown(bulk=UnknownPolicy.HOLD, realtime=UnknownPolicy.RESEND)
    assert campaign.correlation_key == "ClientIdentifier"
    assert campaign.results_table == "phonon_call_results"


def test_sql_in_the_campaign_file_is_taken_as_it_stands(include: Path) -> None:
    sql = "contacts: |\n  SELECT policy_id, mobile\n  FROM policies -- all.sql\n"
    text = SHORT.format(name="a").replace("contacts: SELECT policy_id, mobile FROM policies\n", sql)
    assert (
        load_campaign(write(include, text), include=include).contacts_sql
        == "SELECT policy_id, mobile\nFROM policies -- all.sql\n"
    )


@pytest.mark.parametrize("key", ["on", "no", "1", "2026-11-01", "~"])
def test_the_name_of_a_flow_variable_is_text_whatever_yaml_would_make_of_it(include: Path, key: str) -> None:
    path = write(include, SHORT.format(name="a") + f"variables: {{{key}: first_name}}\n")
    assert load_campaign(path, include=include).variables == {key: "first_name"}


def test_anchors_and_merged_keys_are_fine(include: Path) -> None:
    text = SHORT.format(name="a") + (
        "limits:\n  per_number: &often {calls: 2, days: 7}\non_unknown: {bulk: hold}\nwindow: {days: &days [mon]}\n"
    )
    merged = text.replace("{bulk: hold}", "{<<: {bulk: resend, realtime: hold}, bulk: hold}")
    campaign = load_campaign(write(include, merged), include=include)
    assert campaign.limits.per_number == PerNumber(calls=2, days=7)
    assert campaign.on_unknown == OnUnknown(bulk=UnknownPolicy.HOLD, realtime=UnknownPolicy.HOLD)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(include: Path) -> None:
    path = include / "campaigns" / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SHORT.format(name="a").replace("\n", "\r\n").encode())
    assert load_campaign(path, include=include).name == "a"


def test_a_query_is_found_beside_the_folder_of_campaigns_as_well(tmp_path: Path) -> None:
    (tmp_path / "team" / "campaigns").mkdir(parents=True)
    (tmp_path / "team" / "own.sql").write_text("SELECT 2", encoding="utf-8")
    (tmp_path / "include").mkdir()
    path = tmp_path / "team" / "campaigns" / "a.yaml"
    path.write_text(SHORT.format(name="a").replace("SELECT policy_id, mobile FROM policies", "own.sql"), "utf-8")
    assert load_campaign(path, include=tmp_path / "include").contacts_sql == "SELECT 2"


def test_include_comes_before_what_is_beside_the_folder_of_campaigns(tmp_path: Path) -> None:
    for folder, sql in (("team", "SELECT 2"), ("include", "SELECT 1")):
        (tmp_path / folder / "campaigns").mkdir(parents=True)
        (tmp_path / folder / "own.sql").write_text(sql, encoding="utf-8")
    path = tmp_path / "team" / "campaigns" / "a.yaml"
    path.write_text(SHORT.format(name="a").replace("SELECT policy_id, mobile FROM policies", "own.sql"), "utf-8")
    assert load_campaign(path, include=tmp_path / "include").contacts_sql == "SELECT 1"


def test_a_link_that_leads_out_is_not_followed(include: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.sql").write_text("SELECT 'secret'", encoding="utf-8")
    (include / "sql" / "link.sql").symlink_to(tmp_path / "elsewhere" / "secret.sql")
    path = write(include, EVERY_KEY.replace("renewal_contacts", "link"))
    with pytest.raises(CampaignError, match="leads out of"):
        load_campaign(path, include=include)


def test_a_folder_gives_its_campaigns_in_the_order_of_the_files(include: Path) -> None:
    for file, name in (("b.yml", "first"), ("c.yaml", "second"), ("a.yaml", "third")):
        write(include, SHORT.format(name=name), file)
    write(include, "not: a campaign", ".hidden.yaml")
    write(include, "{}", "schema.json")
    (include / "campaigns" / "folder.yaml").mkdir()
    found = find_campaigns(include / "campaigns", include=include)
    assert [campaign.name for campaign in found] == ["third", "first", "second"]


def test_a_folder_without_campaigns_gives_none(include: Path) -> None:
    assert find_campaigns(include / "campaigns", include=include) == []


def test_a_folder_that_does_not_exist_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PHONON_CAMPAIGNS"):
        find_campaigns(tmp_path / "nowhere", include=tmp_path)


def test_a_broken_file_does_not_take_the_others_down(include: Path) -> None:
    write(include, SHORT.format(name="first"), "a.yaml")
    broken_path = write(include, "purpose: servise\n", "b.yaml")
    write(include, SHORT.format(name="second"), "c.yaml")
    first, broken, second = find_campaigns(include / "campaigns", include=include)
    assert isinstance(first, Campaign)
    assert isinstance(second, Campaign)
    with pytest.raises(CampaignError) as told:
        load_campaign(broken_path, include=include)
    assert broken == BrokenCampaign("b_invalid", broken_path, str(told.value), Remains())


def test_a_file_that_cannot_be_read_is_a_broken_campaign(include: Path) -> None:
    (include / "campaigns" / "a.yaml").symlink_to(include / "campaigns" / "gone")
    (broken,) = find_campaigns(include / "campaigns", include=include)
    assert isinstance(broken, BrokenCampaign)
    assert "No such file" in broken.error


def test_the_second_of_two_files_with_one_name_is_broken_and_names_the_first(include: Path) -> None:
    write(include, SHORT.format(name="twice"), "a.yaml")
    write(include, SHORT.format(name="twice"), "b.yaml")
    first, second = find_campaigns(include / "campaigns", include=include)
    assert isinstance(first, Campaign)
    assert isinstance(second, BrokenCampaign)
    assert second.name == "b_invalid"
    assert "line 1, column 7: name" in second.error
    assert "a.yaml has the name 'twice' already" in second.error


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("plain.yaml", "plain_invalid"),
        ("with space.yaml", "with_space_invalid"),
        ("1st.yaml", "campaign_1st_invalid"),
        ("a..b.yaml", "a.b_invalid"),
        ("नमस्ते.yaml", "campaign_" + "_" * len("नमस्ते") + "_invalid"),
        ("a" * 120 + ".yaml", "a" * 92 + "_invalid"),
        ("taken.yaml", "taken_invalid_2"),
    ],
)
def test_a_broken_campaign_has_a_dag_id_made_from_its_file(include: Path, file: str, name: str) -> None:
    write(include, SHORT.format(name="taken_invalid"), "zz_good.yaml")
    write(include, "broken", file)
    found = find_campaigns(include / "campaigns", include=include)
    assert [each.name for each in found if isinstance(each, BrokenCampaign)] == [name]


def test_broken_campaigns_have_names_of_their_own(include: Path) -> None:
    for file in ("a b.yaml", "a_b.yaml", "a_b.yml"):
        write(include, "broken", file)
    found = find_campaigns(include / "campaigns", include=include)
    assert [each.name for each in found] == ["a_b_invalid", "a_b_invalid_2", "a_b_invalid_3"]


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_a_file_holds_it_is_a_campaign_or_a_campaign_error(include: Path, content: bytes) -> None:
    path = include / "campaigns" / "any.yaml"
    path.write_bytes(content)
    with pytest.raises(CampaignError):
        load_campaign(path, include=include)


MEANINGS = [
    "&a",
    "*a",
    "<<: *a",
    "!!set",
    "!!int x",
    "!!bool x",
    "? x",
    "{",
    "]",
    "'",
    "|",
    "---",
    "1e999",
    "0x_",
    "~",
]


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
def test_a_spoilt_campaign_is_a_campaign_or_a_campaign_error(include: Path, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(EVERY_KEY)))
    spoilt = EVERY_KEY[:place] + data.draw(st.sampled_from(MEANINGS)) + EVERY_KEY[place:]
    write(include, spoilt)
    # A folder gives whatever is wrong with a file back as text; of an error that is not ours, only its name.
    (found,) = find_campaigns(include / "campaigns", include=include)
    assert isinstance(found, Campaign) or re.search(r"\d+ problem", found.error)


def test_a_campaign_error_survives_pickling(include: Path) -> None:
    with pytest.raises(CampaignError) as told:
        load_campaign(write(include, "purpose: servise\n"), include=include)
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)


def test_the_campaigns_that_come_with_the_project_are_all_usable() -> None:
    include = Path(__file__).parents[2] / "include"
    found = find_campaigns(include / "campaigns", include=include)
    assert found
    assert [each.error for each in found if isinstance(each, BrokenCampaign)] == []
