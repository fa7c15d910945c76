"""The JSON schema of campaign files, for editors: ``python -m phonon.campaign.schema [--check] PATH``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from phonon.campaign.model import Campaign
from phonon.duration import duration_text


class _ForCampaigns(GenerateJsonSchema):
    """Without titles, which would repeat the keys, and with defaults as a file would have them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Say no, whatever the field."""
        del schema
        return False

    def encode_default(self, dft: Any) -> Any:
        """Write a length of time as a campaign file has it."""
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def campaign_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a campaign file."""
    schema = Campaign.model_json_schema(schema_generator=_ForCampaigns)
    for definition in schema["$defs"].values():
        del definition["title"]
        if "enum" in definition:
            # The docstring of an enum is for programmers; the key that has it tells the rest.
            del definition["description"]
    head = {"$schema": GenerateJsonSchema.schema_dialect}
    # As in Compose files: keys that only hold anchors for the others.
    return head | schema | {"title": "A Phonon campaign", "patternProperties": {"^x-": {}}}


def schema_text() -> str:
    """Return the content of the schema's file; the same whenever the format is the same."""
    return json.dumps(campaign_schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schema, or with ``--check`` tell by the exit status (0 or 1) whether the file is current."""
    parser = argparse.ArgumentParser(prog="python -m phonon.campaign.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    parser.add_argument("path", type=Path, metavar="PATH", help="the schema's file")
    options = parser.parse_args(arguments)
    path: Path = options.path
    if not options.check:
        path.write_text(schema_text(), encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == schema_text():
        return 0
    sys.stderr.write(f"{path} is not current. Write it anew: python -m phonon.campaign.schema {path}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
