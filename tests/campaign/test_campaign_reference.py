from __future__ import annotations

from pathlib import Path

import pytest

from phonon.campaign.model import Campaign
from phonon.campaign.reference import main, reference_text
from phonon.campaign.schema import campaign_schema

PAGE = Path(__file__).parents[2] / "docs" / "campaign-file.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_text(), f"python -m phonon.campaign.reference {PAGE}"


def test_every_key_has_its_section_and_every_nested_key_its_row() -> None:
    text = reference_text()
    assert [name for name in Campaign.model_fields if f"### {name}\n" not in text] == []
    nested = [key for model in campaign_schema()["$defs"].values() for key in model.get("properties", ())]
    assert len(nested) > 20
    assert [key for key in nested if f"| `{key}` |" not in text] == []


def test_types_and_defaults_are_in_words() -> None:
    text = reference_text()
    assert "| `max_age` | a length of time, like 30s, 10m, 4h or 2d | `2d` |" in text
    assert "| `above` | a whole number of 0 or more, or null | `null` |" in text
    assert "- Takes: one of `bulk`, `realtime`\n- Default: `bulk`\n" in text


def test_the_command_writes_the_page_and_tells_whether_it_is_current(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "campaign-file.md"
    assert main(["--check", str(path)]) == 1
    assert "Write it anew: python -m phonon.campaign.reference" in capsys.readouterr().err
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
