"""The bytes of a request: exact, complete, and the same every time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.api.endpoints import MAX_BYTES
from phonon.api.request import (
    ENVELOPE_BYTES,
    IST,
    MAX_CALL_BYTES,
    Envelope,
    encode_call,
    encode_calls,
    encode_start_time,
    freeze,
    freeze_objects,
    thaw,
    with_start_time,
)

START = "2026-11-24T10:00:00+05:30"
ENVELOPE = Envelope("1.0", "Sample7" * 9 + "7", "wruHzoCK")

json_texts = st.text(st.characters(exclude_categories=["Cs"]))
encoded_calls = st.builds(
    encode_call,
    st.text("abc012:._-", min_size=1, max_size=64),
    st.just(START),
    st.lists(st.from_regex(r"9199999[0-9]{5}", fullmatch=True), min_size=1, max_size=3),
    st.lists(st.tuples(json_texts, json_texts), max_size=4),
)


def test_a_call_is_encoded_to_these_bytes() -> None:
    encoded = encode_call(
        "renewal:1", START, ["919999900001", "919999900002"], [("Name", "Asha"), ("DueDate", "2026-12-01")]
    )
    assert encoded == (
        b'{"client-identifier":"renewal:1","start-time":"2026-11-24T10:00:00+05:30",'
        b'"contact-numbers":["919999900001","919999900002"],'
        b'"keys":[{"name":"$flow.key.Name","value":"Asha"},{"name":"$flow.key.DueDate","value":"2026-12-01"}]}'
    )


@pytest.mark.parametrize("text", ["आशा देशमुख", "₹ 1,250", "Zoë", "👩🏽‍💼", "a/b & <c>"])
def test_texts_are_sent_as_utf_8_and_not_escaped(text: str) -> None:
    encoded = encode_call("c:1", START, ["919999900001"], [("Name", text)])
    assert f'"value":"{text}"'.encode() in encoded


@pytest.mark.parametrize(
    ("text", "escaped"),
    [('say "hi"', rb"say \"hi\""), ("a\\b", rb"a\\b"), ("a\nb", rb"a\nb"), ("\x00", rb"\u0000")],
)
def test_only_what_json_forbids_is_escaped(text: str, escaped: bytes) -> None:
    assert b'"value":"' + escaped + b'"' in encode_call("c:1", START, ["919999900001"], [("Name", text)])


def test_a_call_without_flow_variables_has_an_empty_list_of_them() -> None:
    assert encode_call("c:1", START, ["919999900001"], []).endswith(b'"keys":[]}')


_awkward = st.one_of(json_texts, st.text('",\\\\%[]{}s b'))
_calls = st.tuples(_awkward, _awkward, st.lists(_awkward, max_size=3), st.tuples(_awkward, _awkward))


@given(st.lists(_calls, max_size=6), st.tuples(_awkward, _awkward))
def test_calls_encoded_by_column_are_the_json_of_each(
    calls: list[tuple[str, str, list[str], tuple[str, str]]], names: tuple[str, str]
) -> None:
    texts = [[call[3][place] for call in calls] for place in (0, 1)]
    encoded = encode_calls(
        [call[0] for call in calls],
        [call[1] for call in calls],
        [call[2] for call in calls],
        list(zip(names, texts, strict=True)),
    )
    assert encoded == [
        orjson.dumps(
            {
                "client-identifier": identifier,
                "start-time": start,
                "contact-numbers": numbers,
                "keys": [
                    {"name": f"$flow.key.{name}", "value": value} for name, value in zip(names, values, strict=True)
                ],
            }
        )
        for identifier, start, numbers, values in calls
    ]


def test_flow_variables_keep_their_order() -> None:
    names = ["Zeta", "Alpha", "Mid"]
    encoded = encode_call("c:1", START, ["919999900001"], [(name, "") for name in names])
    assert [key["name"] for key in orjson.loads(encoded)["keys"]] == [f"$flow.key.{name}" for name in names]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 24, 10, 0, tzinfo=IST),
        datetime(2026, 11, 24, 4, 30, tzinfo=UTC),
        datetime(2026, 11, 24, 4, 30, 0, 999_999, tzinfo=UTC),
        datetime(2026, 11, 23, 23, 30, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_start_time_is_written_with_seconds_and_the_indian_offset(at: datetime) -> None:
    assert encode_start_time(at) == START


@given(st.lists(encoded_calls, max_size=5))
def test_a_body_is_json_with_exactly_the_documented_fields(calls: list[bytes]) -> None:
    body = orjson.loads(ENVELOPE.around(freeze(calls)))
    assert body == {
        "api-version": "1.0",
        "security-id": ENVELOPE.security_id,
        "flow-id": "wruHzoCK",
        "calls": [orjson.loads(call) for call in calls],
    }
    assert all(
        list(call) == ["client-identifier", "start-time", "contact-numbers", "keys"] for call in body["calls"]
    )


@given(st.lists(encoded_calls, max_size=5))
def test_the_frozen_calls_stand_in_the_body_byte_for_byte(calls: list[bytes]) -> None:
    frozen = freeze(calls)
    again = Envelope(ENVELOPE.api_version, ENVELOPE.security_id, ENVELOPE.flow_id)
    assert ENVELOPE.around(frozen) == again.around(frozen)
    assert ENVELOPE.around(frozen).endswith(b',"calls":' + frozen + b"}")


@given(st.lists(encoded_calls, max_size=5))
def test_thawing_and_freezing_again_gives_the_same_bytes(calls: list[bytes]) -> None:
    frozen = freeze(calls)
    assert freeze_objects(thaw(frozen)) == frozen


@given(st.lists(encoded_calls, min_size=2, max_size=6), st.data())
def test_a_half_of_thawed_calls_is_what_freezing_that_half_gives(calls: list[bytes], data: st.DataObject) -> None:
    middle = data.draw(st.integers(0, len(calls)))
    assert freeze_objects(thaw(freeze(calls))[:middle]) == freeze(calls[:middle])


def test_a_repr_of_an_envelope_has_no_secret() -> None:
    for text in (repr(ENVELOPE), str(ENVELOPE), f"{ENVELOPE}", repr([ENVELOPE])):
        assert ENVELOPE.security_id not in text
        assert "wruHzoCK" in text


def test_the_counted_envelope_is_the_longest_one() -> None:
    sizes = {version: len(Envelope(version, "s" * 64, "f" * 8).around(b"[]")) for version in ("1.0", "TEST")}
    assert max(sizes.values()) == ENVELOPE_BYTES


def call_of(size: int) -> bytes:
    empty = encode_call("c:1", START, ["919999900001"], [("Text", "")])
    return encode_call("c:1", START, ["919999900001"], [("Text", "x" * (size - len(empty)))])


def test_the_longest_call_just_fits_into_a_request() -> None:
    longest = call_of(MAX_CALL_BYTES)
    assert len(longest) == MAX_CALL_BYTES
    assert len(Envelope("TEST", "s" * 64, "f" * 8).around(freeze([longest]))) == MAX_BYTES


def calls_at(*start_times: str) -> bytes:
    return freeze(
        [encode_call(f"c:{n}", at, [f"91999990000{n}"], [("Name", "आशा")]) for n, at in enumerate(start_times)]
    )


@pytest.mark.parametrize(
    ("planned", "moved"),
    [
        ("2026-11-23T18:00:00+05:30", START),
        ("2026-11-24T09:59:59+05:30", START),
        (START, START),
        ("2026-11-24T10:00:01+05:30", "2026-11-24T10:00:01+05:30"),
        ("2027-01-01T10:00:00+05:30", "2027-01-01T10:00:00+05:30"),
    ],
)
def test_only_calls_that_start_too_early_are_moved(planned: str, moved: str) -> None:
    assert with_start_time(calls_at(planned), START, before=START) == calls_at(moved)


def test_a_call_that_starts_at_the_bound_is_not_moved() -> None:
    later = "2026-11-24T18:00:00+05:30"
    assert with_start_time(calls_at(START), later, before=START) == calls_at(START)


def test_moving_some_calls_of_a_batch_leaves_the_others_as_they_are() -> None:
    early, late = "2026-11-23T18:00:00+05:30", "2026-11-25T10:00:00+05:30"
    assert with_start_time(calls_at(early, late, early), START, before=START) == calls_at(START, late, START)


@given(st.lists(encoded_calls, max_size=5))
def test_a_moved_batch_has_as_many_bytes_as_before(calls: list[bytes]) -> None:
    frozen = freeze(calls)
    later = "2026-12-01T10:00:00+05:30"
    assert len(with_start_time(frozen, later, before=later)) == len(frozen)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given one here
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given one here
)
def test_start_times_sort_as_texts_in_the_order_of_time(one: datetime, other: datetime) -> None:
    one, other = one.replace(microsecond=0), other.replace(microsecond=0)
    assert (encode_start_time(one) < encode_start_time(other)) == (one < other)
