"""Whether a backfill calls: by its mode, and by how long ago its interval ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from phonon.campaign.backfill import Backfill
from phonon.duration import duration_words

NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("keys", "age", "reason"),
    [
        ({}, timedelta(days=2), None),
        ({}, timedelta(days=2) + SECOND, "backfill: older than 2 days"),
        ({}, -SECOND, None),
        ({}, None, "backfill: of unknown age"),
        ({"max_age": "36h"}, timedelta(hours=36) + SECOND, "backfill: older than 36 hours"),
        ({"max_age": "1d"}, timedelta(days=30), "backfill: older than 1 day"),
        ({"mode": "dry_run"}, SECOND, "backfill: dry run"),
        ({"mode": "refuse"}, SECOND, "backfill: refuse"),
    ],
)
def test_a_backfill_calls_until_its_interval_is_older_than_the_campaign_allows(
    keys: dict[str, str], age: timedelta | None, reason: str | None
) -> None:
    ended = None if age is None else NOW - age
    assert Backfill.model_validate(keys).why_nothing_is_sent(ended, NOW) == reason


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(days=21), "21 days"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=1), "1 hour"),
        (SECOND, "1 second"),
    ],
)
def test_a_length_of_time_is_told_in_the_largest_unit_that_is_exact(length: timedelta, words: str) -> None:
    assert duration_words(length) == words
