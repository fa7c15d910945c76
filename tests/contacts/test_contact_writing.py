from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contacts.one_number import mobile_of
from phonon.contacts.numbers import NumberFault
from phonon.contacts.writing import PLAIN_INTEGERS, PLAIN_WRITING

_WRITINGS = (
    "{}{}",
    "+91 {} {}",
    "+91-{}-{}",
    "(+91) {}.{}",
    "0091 {} {}",
    "0{}{}",
    "91{}{}",
    "+91 (0) {} {}",
    "(0) {}-{}",
    " {} {} ",
)


@pytest.mark.parametrize("writing", _WRITINGS)
def test_the_form_takes_the_usual_writings(writing: str) -> None:
    written = writing.format("99999", "12345")
    assert re.search(PLAIN_WRITING, written)
    assert mobile_of(written) == "919999912345"


@pytest.mark.parametrize(
    "written",
    ["", "99999", "99999123456", "+1 415 555 0100", "022 0000 0000", "9999912345x", "999991234.5", "five"],
)
def test_the_form_refuses_what_is_no_indian_mobile_number(written: str) -> None:
    assert not re.search(PLAIN_WRITING, written)


@given(st.text("0123456789+-(). ", max_size=9), st.text("0123456789-(). ", min_size=6, max_size=16))
@settings(max_examples=400)
def test_what_the_form_takes_is_a_number_when_the_run_reads_it(first: str, second: str) -> None:
    for written in (first + second, "+91" + second, "0" + second, "99999" + second[:8]):
        if re.search(PLAIN_WRITING, written):
            assert isinstance(mobile_of(written), str) or mobile_of(written) is NumberFault.NOT_MOBILE


@pytest.mark.parametrize("bounds", PLAIN_INTEGERS)
def test_the_form_takes_just_those_integers_that_are_a_number(bounds: tuple[int, int]) -> None:
    lowest, highest = bounds
    assert [isinstance(mobile_of(each), str) for each in (lowest - 1, lowest, highest, highest + 1)] == [
        False,
        True,
        True,
        False,
    ]
