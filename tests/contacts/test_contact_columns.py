from __future__ import annotations

import os
import subprocess
import sys

import pytest

import phonon
from phonon.contacts.columns import AmbiguousColumnsError, ContactColumns, MissingColumnsError
from phonon.errors import ConfigurationError

ASKED = ContactColumns("policy_id", ("mobile", "alternate"), {"Name": "first_name"}, start_at="call_at")
THERE = ["policy_id", "mobile", "alternate", "first_name", "call_at"]


def test_a_query_with_the_columns_asked_for_passes() -> None:
    ASKED.check([*THERE, "something_else", "something_else"])


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("policy_id", "contact_id"),
        ("mobile", "numbers"),
        ("alternate", "numbers"),
        ("first_name", "variables.Name"),
        ("call_at", "start_at"),
    ],
)
def test_a_missing_column_is_named_with_the_key_that_asks_for_it(column: str, key: str) -> None:
    with pytest.raises(MissingColumnsError, match=rf"'{column}' \({key}\b"):
        ASKED.check([name for name in THERE if name != column])


def test_every_missing_column_is_named_at_once() -> None:
    with pytest.raises(MissingColumnsError) as caught:
        ASKED.check([])
    assert all(f"'{column}'" in str(caught.value) for column in THERE)


def test_the_columns_there_are_and_the_nearest_name_are_told() -> None:
    there = ["policy_id", "MOBILE", "alternate", "firstname", "call_at"]
    with pytest.raises(MissingColumnsError) as caught:
        ASKED.check(there)
    assert "'mobile' (numbers; did you mean 'MOBILE'?)" in str(caught.value)
    assert "'first_name' (variables.Name; did you mean 'firstname'?)" in str(caught.value)
    assert ", ".join(there) in str(caught.value)


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(MissingColumnsError) as caught:
        ContactColumns("zzz", ("mobile",)).check(["mobile"])
    assert "did you mean" not in str(caught.value)


def test_a_column_asked_for_that_comes_twice_is_refused() -> None:
    with pytest.raises(AmbiguousColumnsError, match=r"'mobile' \(numbers\)"):
        ASKED.check([*THERE, "mobile"])


@pytest.mark.parametrize("error", [MissingColumnsError, AmbiguousColumnsError])
def test_wrong_columns_are_an_error_of_configuration(error: type[Exception]) -> None:
    assert issubclass(error, ConfigurationError)


def test_a_contact_without_a_column_of_numbers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="numbers"):
        ContactColumns("policy_id", ())


def test_naming_columns_does_not_import_pandas() -> None:
    plugins = phonon.__path__[0].removesuffix("phonon")
    script = "import sys, phonon.contacts.columns; sys.exit('pandas' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": plugins}
    assert subprocess.run([sys.executable, "-c", script], check=False, env=environment).returncode == 0
