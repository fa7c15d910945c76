"""What notices say: counts, moments and lengths of time as people read them, and where to look."""

from __future__ import annotations

from typing import Any

import pytest

from phonon.campaign.model import Campaign
from phonon.campaign.notices import Told, finished_notice, held_notice, stopped_notice

CAMPAIGN = Campaign.model_validate(
    {
        "name": "renewals",
        "contacts": "SELECT 1",
        "contact_id": "id",
        "numbers": ["mobile"],
        "flow_id": "abcdEF12",
    }
)
TOLD = Told(CAMPAIGN, "manual__1", "2026-11-27T03:30:00+00:00")


def held(**batch: Any) -> dict[str, Any]:
    known = {"batch_id": 7, "calls": 1, "sent_at": None, "request_id": None, "reason": "no answer", **batch}
    return {"held": [known], "held_calls": known["calls"], "by_status": {"held": known["calls"]}, "by_code": {}}


def test_one_held_call_is_told_in_the_singular() -> None:
    text = held_notice(TOLD, held()).text
    assert "1 call was sent, and nobody knows" in text
    assert "1 calls" not in text


def test_a_held_batch_says_when_it_was_sent_on_the_campaigns_clocks() -> None:
    text = held_notice(TOLD, held(sent_at="2026-11-27T04:30:00+00:00", request_id="r-1")).text
    assert "Batch 7: 1 call, sent at 2026-11-27 10:00 (Asia/Kolkata), request-id r-1: no answer" in text


def test_what_is_not_known_of_a_held_batch_is_left_out() -> None:
    text = held_notice(TOLD, held()).text
    assert "Batch 7: 1 call: no answer" in text
    assert "None" not in text


@pytest.mark.parametrize(("seconds", "words"), [(0.0, "less than a second"), (95.2, "1 min"), (7380, "2 h 3 min")])
def test_the_time_a_run_took_is_told_in_words(seconds: float, words: str) -> None:
    summary = {"stop": None}
    notice = finished_notice(TOLD, counts={"accepted": 1}, codes={}, seconds=seconds, reasons={}, summary=summary)
    assert f"From the first send to the last answer: {words}\n" in notice.text


def test_a_stop_is_told_with_all_that_the_end_of_the_run_would_say() -> None:
    summary = {
        "stop": "top_up",
        "message": "What to do: top up.",
        "by_status": {"accepted": 3, "pending": 1},
        "by_code": {"200": 3},
    }
    notice = stopped_notice(TOLD, summary)
    assert notice.subject == "[renewals] stopped: the Phonon account needs a top-up, 1 call pending"
    assert notice.text.splitlines()[1:] == [
        "What to do: top up.",
        "Calls by status: accepted 3, pending 1",
        "Calls by response code: 200 3",
        "Results: table phonon_call_results, connection warehouse",
    ]


def test_a_notice_with_links_has_them_in_its_text_and_apart() -> None:
    notice = held_notice(TOLD, held()).linked(run_url="https://airflow/r", task_url="https://airflow/t")
    assert (notice.run_url, notice.task_url) == ("https://airflow/r", "https://airflow/t")
    assert notice.text.endswith("Run: https://airflow/r\nTask: https://airflow/t")
