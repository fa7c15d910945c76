"""That the list of breaks does not rot. It is not run here: ``make mutants`` does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mutations.catalogue import MUTATIONS
from mutations.mutation import DoesNotApplyError, Mutation

_PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_break_applies_to_its_file_and_the_file_still_compiles(mutation: Mutation) -> None:
    source = (_PROJECT / mutation.path).read_text(encoding="utf-8")
    broken = mutation.applied(source)
    assert broken != source
    compile(broken, mutation.path, "exec")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_tests_that_a_break_names_are_there(mutation: Mutation) -> None:
    assert mutation.tests
    for test in mutation.test_paths:
        file, _, function = test.partition("::")
        assert (_PROJECT / file).exists()
        function = function.partition("[")[0]
        assert not function or f"def {function}(" in (_PROJECT / file).read_text(encoding="utf-8")


def test_every_break_has_a_name_of_its_own() -> None:
    names = Counter(mutation.name for mutation in MUTATIONS)
    assert names.total() >= 20
    assert max(names.values()) == 1


def test_a_text_that_is_there_twice_or_not_at_all_does_not_apply() -> None:
    mutation = Mutation("twice", "nowhere.py", "one", "two", ("nowhere.py",))
    assert mutation.applied("one") == "two"
    for source in ("one one", "two"):
        with pytest.raises(DoesNotApplyError, match="not once"):
            mutation.applied(source)
