"""A live campaign whose file breaks must not fall silent: what can be read decides when it fails, and who hears."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonon.campaign.loading import BrokenCampaign, find_campaigns, load_campaign
from phonon.campaign.notification import Event
from phonon.campaign.purposes import INDIA
from phonon.campaign.remains import HOURLY, remains_of
from phonon.campaign.schedule import AssetSchedule

_SOUND = """\
name: renewals
owner: growth
schedule: "0 9 * * MON-SAT"
start_date: 2026-11-01
purpose: service
contacts: SELECT policy_id, mobile FROM policies
contact_id: policy_id
numbers: [mobile]
flow_id: wruHzoCK
notify:
  - notifier: airflow.providers.smtp.notifications.smtp.SmtpNotifier
    on: [fix_configuration]
  - notifier: no_path
"""
_CRON = "0 9 * * MON-SAT"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    (tmp_path / "include" / "campaigns").mkdir(parents=True)
    return tmp_path / "include"


def _broken(include: Path, text: str, file: str = "file.yaml") -> BrokenCampaign:
    (include / "campaigns" / file).write_text(text, encoding="utf-8")
    (found,) = [each for each in find_campaigns(include / "campaigns", include=include) if each.name != "sound"]
    assert isinstance(found, BrokenCampaign)
    return found


def test_a_typo_in_a_value_leaves_name_schedule_and_those_to_tell(include: Path) -> None:
    found = _broken(include, _SOUND.replace("service", "servise"))
    assert found.name == "renewals"
    remains = found.remains
    assert (remains.schedule, remains.timezone, remains.owner) == (_CRON, INDIA, "growth")
    assert remains.start_date == date(2026, 11, 1)
    (told,) = remains.notify
    assert told.on == (Event.FIX_CONFIGURATION,)


@pytest.mark.parametrize(
    ("old", "new", "schedule"),
    [
        ('schedule: "0 9 * * MON-SAT"', "schedule: every morning", HOURLY),
        ('schedule: "0 9 * * MON-SAT"', 'schedul: "0 9 * * MON-SAT"', HOURLY),
        ('schedule: "0 9 * * MON-SAT"', "schedule: [1, 2]", HOURLY),
        ('schedule: "0 9 * * MON-SAT"', "schedule: {new_rows: {table: leads, cursor: id}}", HOURLY),
        ('schedule: "0 9 * * MON-SAT"', "schedule: null", None),
        ('schedule: "0 9 * * MON-SAT"\n', "", None),
        ('schedule: "0 9 * * MON-SAT"', 'schedule: "@daily"', "@daily"),
        ('schedule: "0 9 * * MON-SAT"', "schedule: {asset: 's3://a/b'}", AssetSchedule(asset="s3://a/b")),
        ("numbers: [mobile]", "numbers: [mobile", _CRON),
        ("numbers: [mobile]", "\tnumbers: [mobile]", _CRON),
        ("numbers: [mobile]", "numbers: [mobile]\nnumbers: [other]", _CRON),
        ("flow_id: wruHzoCK", "flow_id: @wruHzoCK", _CRON),
    ],
)
def test_the_schedule_stays_as_far_as_it_can_be_read(
    include: Path, old: str, new: str, schedule: str | AssetSchedule | None
) -> None:
    found = _broken(include, _SOUND.replace(old, new).replace("service", "servise"))
    assert (found.name, found.remains.schedule) == ("renewals", schedule)


@pytest.mark.parametrize("name", ["nam: renewals", "name: [renewals]", "name: a b", "name:", ""])
def test_without_a_name_the_file_names_the_dag_and_it_fails_each_hour(include: Path, name: str) -> None:
    found = _broken(include, _SOUND.replace("name: renewals", name, 1), "october.yaml")
    assert (found.name, found.remains.name, found.remains.schedule) == ("october_invalid", None, HOURLY)


def test_the_name_of_a_sound_campaign_is_not_taken_by_a_broken_file(include: Path) -> None:
    (include / "campaigns" / "a.yaml").write_text(
        _SOUND.replace("name: renewals", "name: sound").replace("  - notifier: no_path\n", "")
    )
    found = _broken(include, _SOUND.replace("name: renewals", "name: sound"), "b.yaml")
    assert (found.name, found.remains.schedule) == ("b_invalid", _CRON)


def test_the_zone_of_the_schedule_is_the_files_own(include: Path) -> None:
    text = _SOUND.replace("purpose: service", "purpose: servise\nwindow: {timezone: Asia/Dubai, open: 9}")
    assert _broken(include, text).remains.timezone == ZoneInfo("Asia/Dubai")


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_a_file_holds_what_remains_of_it_can_be_told(include: Path, content: bytes) -> None:
    path = include / "campaigns" / "any.yaml"
    path.write_bytes(b"name: some\n" + content)
    remains = remains_of(path)
    assert remains.name is not None or remains.schedule == HOURLY


def test_keys_that_begin_with_x_hold_anchors_and_mean_nothing_else(include: Path) -> None:
    path = include / "campaigns" / "file.yaml"
    path.write_text(
        "x-limits: &limits {max_calls: 5}\nx-1: [any, {thing: 1}]\n"
        + _SOUND.replace("  - notifier: no_path\n", "")
        + "limits: *limits\n"
    )
    assert load_campaign(path, include=include).limits.max_calls == 5


def test_keys_that_begin_with_x_mean_nothing_only_at_the_top(include: Path) -> None:
    found = _broken(include, _SOUND + "limits: {x-max_calls: 5}\n")
    assert "There is no key 'x-max_calls'" in found.error
