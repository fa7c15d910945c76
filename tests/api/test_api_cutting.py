"""Cutting a row of calls into batches: none lost, none too large, and no more batches than needed."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phonon.api.endpoints import MAX_BYTES, MAX_CALLS
from phonon.api.request import ENVELOPE_BYTES, MAX_CALL_BYTES, Envelope, cut, freeze

ENVELOPE = Envelope("TEST", "s" * 64, "f" * 8)

rows_of_sizes = (
    st.lists(st.integers(2, MAX_CALL_BYTES), max_size=40)
    | st.lists(st.integers(200, 900), max_size=1500)
    | st.builds(lambda size, count: [size] * count, st.integers(2, 2_000), st.integers(0, 1_600))
)


def body_of(sizes: list[int]) -> bytes:
    """A body whose calls have these sizes; what is in a call does not matter to its size."""
    return ENVELOPE.around(freeze([b"x" * size for size in sizes]))


@given(rows_of_sizes)
def test_the_batches_cover_every_call_once_and_in_order(sizes: list[int]) -> None:
    covered = [index for batch in cut(sizes) for index in range(batch.start, batch.stop)]
    assert covered == list(range(len(sizes)))


@given(rows_of_sizes)
def test_a_batch_has_a_call_and_is_never_larger_than_the_api_takes(sizes: list[int]) -> None:
    for batch in cut(sizes):
        assert 1 <= batch.stop - batch.start <= MAX_CALLS
        assert len(body_of(sizes[batch])) <= MAX_BYTES


@given(rows_of_sizes)
def test_no_batch_could_have_taken_the_next_call_as_well(sizes: list[int]) -> None:
    batches = list(cut(sizes))
    for batch in batches[:-1]:
        with_next = sizes[batch.start : batch.stop + 1]
        assert len(with_next) > MAX_CALLS or len(body_of(with_next)) > MAX_BYTES


@given(
    st.lists(st.integers(2, 400), max_size=60),
    st.integers(1, 10),
    st.integers(ENVELOPE_BYTES + 400, ENVELOPE_BYTES + 2_000),
)
@example([400], 1, ENVELOPE_BYTES + 400)
def test_smaller_bounds_are_kept_as_well(sizes: list[int], max_calls: int, max_bytes: int) -> None:
    batches = list(cut(sizes, max_calls=max_calls, max_bytes=max_bytes))
    assert [index for batch in batches for index in range(len(sizes))[batch]] == list(range(len(sizes)))
    for batch in batches:
        assert batch.stop - batch.start <= max_calls
        assert len(body_of(sizes[batch])) <= max_bytes


@pytest.mark.parametrize(
    ("sizes", "calls_a_batch"),
    [
        ([], []),
        ([300], [1]),
        ([300] * 500, [500]),
        ([300] * 501, [500, 1]),
        ([300] * 1000, [500, 500]),
        ([MAX_CALL_BYTES], [1]),
        ([MAX_CALL_BYTES] * 2, [1, 1]),
        ([MAX_CALL_BYTES - 11, 10], [2]),
        ([MAX_CALL_BYTES - 10, 10], [1, 1]),
        ([10, MAX_CALL_BYTES, 10], [1, 1, 1]),
        ([MAX_CALL_BYTES, MAX_CALL_BYTES - 11, 10], [1, 2]),
        ([100] * 499 + [MAX_CALL_BYTES - 499 * 101], [500]),
        ([100] * 499 + [MAX_CALL_BYTES - 499 * 101 + 1], [499, 1]),
    ],
)
def test_batches_end_exactly_at_the_bounds(sizes: list[int], calls_a_batch: list[int]) -> None:
    assert [batch.stop - batch.start for batch in cut(sizes)] == calls_a_batch
