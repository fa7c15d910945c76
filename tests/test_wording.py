from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.wording import counted, in_zone, span


@pytest.mark.parametrize(("count", "words"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (1200, "1,200 calls")])
def test_a_noun_is_in_the_number_of_its_count(count: int, words: str) -> None:
    assert counted(count, "call") == words


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    assert (counted(1, "batch", "batches"), counted(3, "batch", "batches")) == ("1 batch", "3 batches")


def test_a_moment_is_on_the_clocks_of_the_zone_which_is_named() -> None:
    moment = datetime(2026, 11, 27, 4, 30, tzinfo=UTC)
    assert in_zone(moment, ZoneInfo("Asia/Kolkata")) == "2026-11-27 10:00 (Asia/Kolkata)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "less than a second"),
        (40.9, "40 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (20 * 3600 + 14 * 60 + 59, "20 h 14 min"),
        (24 * 3600, "1 day"),
        (51 * 3600, "2 days 3 h"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


@given(st.floats(min_value=0, max_value=1e9))
def test_no_length_of_time_is_shown_as_nothing_or_with_a_fraction(seconds: float) -> None:
    words = span(seconds)
    assert not re.search(r"\b0 |\.|\b1 days|\b[02-9] day\b", words)
