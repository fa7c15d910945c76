"""The form that a person fills in to start a campaign: the parameters of its Dag."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from phonon.campaign.model import Campaign
from phonon.contacts.writing import PLAIN_INTEGERS, PLAIN_WRITING

EXPECTED_NUMBER = (
    "an Indian mobile number: ten digits, the first of them 6, 7, 8 or 9, with or without 91 before them"
)
"""What Airflow says of a test number that is none: *'12345' is not one of [...]*."""

_NUMBER = {
    "anyOf": [
        {"type": "string", "pattern": PLAIN_WRITING},
        *({"type": "integer", "minimum": low, "maximum": high} for low, high in PLAIN_INTEGERS),
    ]
}


def parameters(campaign: Campaign) -> dict[str, Param]:
    """Return the parameters of a campaign's Dag, with what each does in this campaign."""
    window = campaign.calling_window
    gate = "Skip the approval gate." if campaign.has_gate else "Skip the approval of a run that is unusually large."
    return {
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Plan and validate, send nothing. Nobody is called."
        ),
        "limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Limit",
            description=(
                "At most so many calls, those that an earlier run of the interval left pending included. "
                "Empty: no limit."
            ),
        ),
        "test_numbers": Param(
            None,
            description=(
                "Call these Indian mobile numbers instead of the contacts, one call each, with api-version TEST. "
                f"One number on each line. Outside the calling hours ({window}) they ring when the next begin; "
                "the log of extract_and_batch says when. Empty: call the contacts."
            ),
            schema=_test_numbers(),
        ),
        "approve": Param(
            False,
            type="boolean",
            title="Approve",
            description=gate if campaign.approval is not None else "This campaign never asks for an approval.",
        ),
    }


def _test_numbers() -> dict[str, Any]:
    return {
        "title": "Test numbers",
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": ["null", "array"],
        # For Airflow's form, which has a line for each text of a list and wants JSON for other lists. In draft 7
        # only the $ref counts, so that integers pass, which a person or a program may well trigger a run with.
        "items": {"type": "string", "$ref": "#/definitions/number"},
        "maxItems": 100,
        # What is no number fails by the list of one sentence, since it is what failed that Airflow shows.
        "definitions": {"number": {"if": _NUMBER, "else": {"enum": [EXPECTED_NUMBER]}}},
    }
