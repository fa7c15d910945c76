"""Finding one campaign of a folder without reading the others, as a worker's task does."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import Asset

from phonon.campaign.loading import BrokenCampaign, find_campaign, find_campaigns
from phonon.campaign.model import Campaign

SHORT = """\
name: {name}
contacts: SELECT policy_id, mobile FROM policies
contact_id: policy_id
numbers: [mobile]
flow_id: wruHzoCK
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaigns").mkdir()
    return tmp_path / "campaigns"


def write(folder: Path, file: str, name: str, more: str = "") -> None:
    (folder / file).write_text(SHORT.format(name=name) + more, encoding="utf-8")


def found(folder: Path, name: str) -> Campaign | None:
    """What is found, which has to be what finding them all gives."""
    campaign = find_campaign(folder, name, include=folder)
    everything = [each for each in find_campaigns(folder, include=folder) if isinstance(each, Campaign)]
    assert campaign == next((each for each in everything if each.name == name), None)
    return campaign


def test_a_campaign_is_found_by_its_name_whatever_its_file_is_called(folder: Path) -> None:
    write(folder, "b.yaml", "renewals")
    write(folder, "renewals.yaml", "others")
    campaign = found(folder, "renewals")
    assert campaign is not None
    assert campaign.name == "renewals"


@pytest.mark.parametrize(
    "name",
    ['"renewals"', "'renewals'", '"re\\u006eewals"', '"rene\\\n  wals"', "&anchor renewals", "!!str renewals"],
)
def test_a_name_is_found_however_yaml_writes_it(folder: Path, name: str) -> None:
    write(folder, "one.yaml", name)
    assert found(folder, "renewals") is not None


def test_of_two_files_with_one_name_the_first_that_can_be_used_is_the_campaign(folder: Path) -> None:
    write(folder, "a.yaml", "renewals", "endpoint: nowhere\n")
    write(folder, "b.yaml", "renewals", "owner: b\n")
    write(folder, "c.yaml", "renewals", "owner: c\n")
    campaign = found(folder, "renewals")
    assert campaign is not None
    assert campaign.owner == "b"


def test_a_file_that_only_mentions_the_name_is_not_the_campaign(folder: Path) -> None:
    write(folder, "a.yaml", "renewals_too", "description: like renewals\n")
    assert found(folder, "renewals") is None


def test_a_broken_file_is_not_found_by_the_id_of_its_dag(folder: Path) -> None:
    write(folder, "renewals.yaml", "renewals", "endpoint: nowhere\n")
    assert found(folder, "renewals") is None


def test_only_the_files_that_may_be_it_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phonon.campaign.document import Document  # noqa: PLC0415 - what is watched

    for number in range(20):
        write(folder, f"{number}.yaml", f"campaign_{number:02}")
    read: list[str] = []
    as_ever = Document.read
    monkeypatch.setattr(Document, "read", lambda path: read.append(path.name) or as_ever(path))
    assert find_campaign(folder, "campaign_07", include=folder) is not None
    assert read == ["7.yaml"]


FOLLOWS = "follow_up: {{of: {of}}}\n"


def told(folder: Path, file: str) -> str:
    """What is wrong with a file; empty if nothing is."""
    everything = find_campaigns(folder, include=folder)
    broken = [each for each in everything if isinstance(each, BrokenCampaign) and each.path.name == file]
    return broken[0].error if broken else ""


def test_a_follow_up_of_a_campaign_that_the_folder_does_not_have_is_refused(folder: Path) -> None:
    write(folder, "a.yaml", "reminder")
    write(folder, "b.yaml", "again", FOLLOWS.format(of="remainder"))
    error = told(folder, "b.yaml")
    assert "line 6, column 17: follow_up.of" in error
    assert "There is no campaign 'remainder' in this folder" in error
    assert "There are: reminder. Did you mean 'reminder'?" in error
    assert found(folder, "again") is None
    assert found(folder, "reminder") is not None


def test_a_follow_up_of_a_campaign_of_the_folder_is_found(folder: Path) -> None:
    write(folder, "a.yaml", "again", FOLLOWS.format(of="reminder"))
    write(folder, "b.yaml", "reminder")
    assert told(folder, "a.yaml") == ""
    assert found(folder, "again") is not None


def test_a_broken_file_takes_no_follow_up_of_its_campaign_down(folder: Path) -> None:
    write(folder, "a.yaml", "reminder", "endpoint: nowhere\n")
    write(folder, "b.yaml", "again", FOLLOWS.format(of="reminder"))
    assert told(folder, "a.yaml") != ""
    assert found(folder, "again") is not None


STARTS = "schedule: {{asset: {uri}}}\n"


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c"], list("abcdefg")], ids=len)
def test_campaigns_that_would_start_each_other_are_refused_each_with_its_place_and_the_cure(
    folder: Path, names: list[str]
) -> None:
    for name, before in zip(names, [names[-1], *names], strict=False):
        write(folder, f"{name}.yaml", name, STARTS.format(uri=f"phonon://{before}/results"))
    write(folder, "other.yaml", "other")
    write(folder, "started.yaml", "started", STARTS.format(uri="phonon://a/results"))

    for position, name in enumerate(names):
        error = told(folder, f"{name}.yaml")
        assert "line 6, column 19: schedule.asset" in error
        circle = [*names[position:], *names[:position], name]
        assert f"would start each other, without end: {' -> '.join(circle)}" in error
        assert "Give one of them another schedule" in error
        assert found(folder, name) is None
    assert found(folder, "other") is not None
    assert found(folder, "started") is not None


@pytest.mark.parametrize("uri", ["phonon://b/results/", "PHONON://b/results", "phonon://b/results#today"])
def test_a_circle_is_one_however_airflow_lets_the_uri_be_written(folder: Path, uri: str) -> None:
    write(folder, "a.yaml", "a", STARTS.format(uri=f"{uri!r}"))
    write(folder, "b.yaml", "b", STARTS.format(uri="phonon://a/results"))
    assert Asset("x", uri).uri == "phonon://b/results"
    assert "a -> b -> a" in told(folder, "a.yaml")


@pytest.mark.parametrize(
    "starts",
    [
        {"b": "phonon://a/results", "c": "phonon://b/results"},
        {"a": "phonon://nobody/results", "b": "phonon://a/results"},
        {"a": "phonon://b/results?of=today", "b": "phonon://a/results"},
        {"a": "phonon://b/results/more", "b": "phonon://a/results"},
        {"a": "phonon://b/results", "b": "duckdb://warehouse/a"},
    ],
)
def test_campaigns_that_start_one_after_the_other_are_left_alone(folder: Path, starts: dict[str, str]) -> None:
    for name in "abc":
        write(folder, f"{name}.yaml", name, STARTS.format(uri=repr(starts[name])) if name in starts else "")
    assert [told(folder, f"{name}.yaml") for name in "abc"] == ["", "", ""]
    assert found(folder, "b") is not None


def test_a_file_that_is_broken_anyway_closes_no_circle(folder: Path) -> None:
    write(folder, "a.yaml", "a", STARTS.format(uri="phonon://b/results"))
    write(folder, "b.yaml", "b", STARTS.format(uri="phonon://a/results") + "endpoint: nowhere\n")
    assert told(folder, "a.yaml") == ""
