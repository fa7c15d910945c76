"""Settings that contradict each other are refused; those that only look like it are not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from phonon.campaign.model import Campaign

SHORT = {
    "name": "renewals",
    "contacts": "SELECT id, mobile FROM people",
    "contact_id": "id",
    "numbers": ["mobile"],
    "flow_id": "abcdEF12",
}
DROP = {"open": "10:00", "close": "19:00", "outside": "drop"}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"approval": {"above": 500}, "limits": {"max_calls": 500}}, "Nobody would ever be asked"),
        ({"approval": {"above": 501}, "limits": {"max_calls": 500}}, "Nobody would ever be asked"),
        (
            {"follow_up": {"of": "a"}, "schedule": {"new_rows": {"table": "t", "cursor": "c"}}},
            "gets each row once",
        ),
        ({"schedule": "0 9 * * *", "window": DROP}, "starts no run inside"),
        ({"schedule": "@daily", "window": DROP}, "starts no run inside"),
        ({"schedule": "0 12 * * SUN", "window": {**DROP, "days": ["mon", "sat"]}}, "starts no run inside"),
    ],
)
def test_what_can_never_do_what_it_says_is_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Campaign.model_validate({**SHORT, **keys})


@pytest.mark.parametrize(
    "keys",
    [
        {"approval": {"above": 499}, "limits": {"max_calls": 500}},
        {"approval": {"above": None}, "limits": {"max_calls": 500}},
        {"approval": {"above": 500}},
        {"approval": None, "limits": {"max_calls": 500}},
        {"follow_up": {"of": "a"}, "schedule": "0 9 * * *"},
        {"schedule": "0 9,12 * * *", "window": DROP},
        {"schedule": "*/5 * * * *", "window": DROP},
        {"schedule": "0 12 29 2 *", "window": {**DROP, "holidays": ["2028-02-29"]}},
        {"schedule": "0 9 * * *", "window": DROP, "start_at": "11:00"},
        {"schedule": "0 9 * * *", "window": {**DROP, "outside": "next_window"}},
        {"schedule": "0 9 * * *", "window": {**DROP, "outside": "wait"}},
        {"schedule": "@once", "window": DROP},
        {"schedule": None, "window": DROP},
    ],
)
def test_what_can_do_what_it_says_is_taken(keys: dict[str, Any]) -> None:
    Campaign.model_validate({**SHORT, **keys})
