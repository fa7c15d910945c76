from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from phonon.planning.identity import client_identifier

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_CAMPAIGN = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)


@given(_CAMPAIGN, _TEXT, _TEXT)
def test_an_identifier_has_at_most_64_characters_of_a_plain_alphabet(campaign: str, key: str, contact: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", client_identifier(campaign, key, contact))


@given(st.tuples(_CAMPAIGN, _TEXT, _TEXT), st.tuples(_CAMPAIGN, _TEXT, _TEXT))
def test_two_calls_have_one_identifier_only_if_they_are_the_same(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (client_identifier(*one) == client_identifier(*other)) == (one == other)


def test_moving_a_character_to_the_next_part_makes_another_identifier() -> None:
    splits = [("c", "a", "bc"), ("c", "ab", "c"), ("c", "abc", ""), ("c", "", "abc"), ("ca", "b", "c")]
    assert len({client_identifier(*split) for split in splits}) == len(splits)


def test_an_identifier_never_changes_from_one_version_to_the_next() -> None:
    found = client_identifier("renewal_reminder", "2026-11-24T03:30:00+00:00", "POL-1")
    assert found == "renewal_reminder-f733eb46c5015ddfcd6dddef1a0998ae4027e960"
