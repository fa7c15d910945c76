from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.one_number import mobile_of
from phonon.contacts.cleaning import (
    CONTACT_ID_MISSING,
    CONTACT_ID_REPEATED,
    MAX_CONTACT_ID,
    BadRow,
    CleanContacts,
    Contact,
    ContactColumns,
    MissingColumnsError,
    clean,
)
from phonon.contacts.numbers import NumberFault
from phonon.contacts.text import TextFault, text_of

TEN = "9999912345"
MOBILE = f"91{TEN}"
COLUMNS = ContactColumns("id", ("mobile", "alternate"), {"Name": "name", "Amount": "amount"}, start_at="at")


def frame(*rows: Sequence[object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["id", "mobile", "alternate", "name", "amount", "at"], dtype=object)


def row(
    contact_id: object = "p1",
    mobile: object = TEN,
    alternate: object = None,
    name: object = "Asha",
    amount: object = 1,
) -> tuple[object, ...]:
    return contact_id, mobile, alternate, name, amount, None


def reasons(cleaned: CleanContacts) -> list[tuple[int, str]]:
    return [(bad.row, bad.reason) for bad in cleaned.invalid]


def test_a_row_becomes_a_contact() -> None:
    at = datetime.fromisoformat("2026-11-24T10:00:00")
    cleaned = clean(frame((7.0, f"+91 {TEN}", "9199999" + "00001", "Asha", Decimal("10.50"), at)), COLUMNS)
    assert cleaned.valid == [
        Contact(
            row=0,
            contact_id="7",
            numbers=[MOBILE, "919999900001"],
            start_at=at,
            variables=("Asha", "10.50"),
        )
    ]
    assert not cleaned.invalid


def test_null_variables_are_empty_texts() -> None:
    cleaned = clean(frame(row(name=None, amount=math.nan)), COLUMNS)
    assert [contact.variables for contact in cleaned.valid] == [("", "")]


def test_without_a_start_column_every_start_is_none() -> None:
    cleaned = clean(frame(row()), ContactColumns("id", ("mobile",)))
    assert [contact.start_at for contact in cleaned.valid] == [None]


@pytest.mark.parametrize("null", [None, math.nan, pd.NaT, pd.NA, Decimal("NaN"), Decimal("sNaN")], ids=repr)
def test_a_start_that_is_null_is_none_whatever_null_it_is(null: object) -> None:
    at = datetime.fromisoformat("2026-11-24T10:00:00")
    cleaned = clean(frame((1, TEN, None, "Asha", 1, null), (2, TEN, None, "Ravi", 1, at)), COLUMNS)
    assert [contact.start_at for contact in cleaned.valid] == [None, at]


def test_a_start_that_nothing_can_be_made_of_is_left_as_it_came() -> None:
    starts = ["soon", math.inf, 10**5000, [at := date(2026, 11, 24)], at]
    cleaned = clean(frame(*((i, TEN, None, "Asha", 1, start) for i, start in enumerate(starts))), COLUMNS)
    assert [contact.start_at for contact in cleaned.valid] == starts


def test_of_no_rows_come_no_contacts() -> None:
    assert clean(frame(), COLUMNS) == CleanContacts([], [])


def test_a_query_without_a_column_asked_for_is_an_error() -> None:
    with pytest.raises(MissingColumnsError, match="'amount'"):
        clean(frame(row()).drop(columns="amount"), COLUMNS)


def test_one_column_may_serve_several_purposes() -> None:
    columns = ContactColumns("id", ("id", "id"), {"First": "id", "Second": "id"})
    cleaned = clean(frame(row(contact_id=int(MOBILE))), columns)
    assert [(contact.numbers, contact.variables) for contact in cleaned.valid] == [([MOBILE], (MOBILE, MOBILE))]


def test_rows_are_counted_by_position_whatever_the_index_is() -> None:
    rows = frame(row("a"), row("b", mobile="x"), row("c"))
    rows.index = pd.Index([9, 9, 9])
    cleaned = clean(rows, COLUMNS)
    assert [contact.row for contact in cleaned.valid] == [0, 2]
    assert [bad.row for bad in cleaned.invalid] == [1]


def test_the_rows_passed_in_stay_as_they_are() -> None:
    rows = frame(row(" p1 ", mobile="x"), row("p2", name="\ud800"))
    before = rows.copy(deep=True)
    clean(rows, COLUMNS)
    assert rows.to_dict("records") == before.to_dict("records")


@pytest.mark.parametrize("contact_id", [None, math.nan, pd.NaT, "", " \u00a0\t"], ids=repr)
def test_a_contact_id_that_is_null_or_blank_is_missing(contact_id: object) -> None:
    cleaned = clean(frame(row(contact_id)), COLUMNS)
    assert reasons(cleaned) == [(0, CONTACT_ID_MISSING)]
    assert [bad.contact_id for bad in cleaned.invalid] == [None]


@pytest.mark.parametrize(
    ("contact_id", "reason"),
    [
        ("x" * (MAX_CONTACT_ID + 1), "contact_id: longer than 200 characters"),
        ("a\0b", "contact_id: not valid text"),
        ("\ud800", "contact_id: not valid text"),
        (math.inf, "contact_id: not a finite number"),
        (10**5000, "contact_id: too long"),
    ],
    ids=["long", "nul", "surrogate", "infinity", "digits"],
)
def test_a_contact_id_that_cannot_be_stored_is_invalid_and_left_out(contact_id: object, reason: str) -> None:
    cleaned = clean(frame(row(contact_id), row(contact_id)), COLUMNS)
    assert reasons(cleaned) == [(0, reason), (1, reason)]
    assert [bad.contact_id for bad in cleaned.invalid] == [None, None]


def test_the_longest_contact_id_is_kept() -> None:
    longest = "x" * MAX_CONTACT_ID
    assert [contact.contact_id for contact in clean(frame(row(longest)), COLUMNS).valid] == [longest]


def test_a_contact_id_is_repeated_whatever_type_it_comes_in() -> None:
    cleaned = clean(frame(row(7), row(" 7 "), row(7.0), row(Decimal(7)), row("07")), COLUMNS)
    assert [contact.contact_id for contact in cleaned.valid] == ["7", "07"]
    assert reasons(cleaned) == [(position, CONTACT_ID_REPEATED) for position in (1, 2, 3)]
    assert [bad.contact_id for bad in cleaned.invalid] == ["7", "7", "7"]


def test_a_contact_id_is_repeated_even_when_its_first_row_is_invalid() -> None:
    cleaned = clean(frame(row(mobile="x"), row()), COLUMNS)
    assert reasons(cleaned) == [(0, "number: not digits"), (1, CONTACT_ID_REPEATED)]


@pytest.mark.parametrize(
    ("mobile", "alternate", "reason"),
    [
        (None, " ", "number: missing"),
        (None, TEN[:5], "number: too short"),
        (f"{TEN}1", None, "number: too long"),
        ("22" + 8 * "0", "x", "number: not a mobile number"),
        ("n/a", None, "number: not digits"),
        ("+1" + 10 * "5", None, "number: other country"),
    ],
)
def test_a_contact_without_a_number_says_why(mobile: object, alternate: object, reason: str) -> None:
    cleaned = clean(frame(row(mobile=mobile, alternate=alternate)), COLUMNS)
    assert cleaned.invalid == [BadRow(0, "p1", reason)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (math.inf, "variable Name: not a finite number"),
        ("\ud800", "variable Name: not valid text"),
        (b"\xff", "variable Name: not valid text"),
        (10**5000, "variable Name: too long"),
    ],
    ids=["infinity", "surrogate", "bytes", "digits"],
)
def test_a_variable_without_a_text_makes_the_row_invalid(name: object, reason: str) -> None:
    assert reasons(clean(frame(row(name=name)), COLUMNS)) == [(0, reason)]


def test_of_several_faults_the_contact_id_counts_then_the_number_then_the_variables_in_order() -> None:
    bad = {"name": "\ud800", "amount": math.inf}
    cleaned = clean(frame(row(None, mobile="x", **bad), row("b", mobile="x", **bad), row("c", **bad)), COLUMNS)
    assert reasons(cleaned) == [
        (0, CONTACT_ID_MISSING),
        (1, "number: not digits"),
        (2, "variable Name: not valid text"),
    ]


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_frames_of_other_dtypes_give_what_objects_give(backend: Literal["numpy_nullable", "pyarrow"]) -> None:
    rows = frame(
        (1, int(TEN), None, "Asha", 1.5, datetime.fromisoformat("2026-11-24T10:00:00")),
        (2, int(TEN[:5]), int(TEN), None, 2.25, datetime.fromisoformat("2026-11-25T10:00:00")),
        (3, int(TEN[:5]), None, "Ravi", None, None),
    )
    assert clean(rows.convert_dtypes(dtype_backend=backend), COLUMNS) == clean(rows, COLUMNS)


number_like = (
    st.from_regex(r"(\+91|91|0|0091|)[6-9][0-9]{4}[- .]?[0-9]{5}(\.0)?", fullmatch=True)
    | st.from_regex(r"[6-9][0-9]{9}", fullmatch=True).map(int)
    | st.from_regex(r"[0-9+ ]{0,14}", fullmatch=True)
)
any_value = (
    st.sampled_from([None, math.nan, pd.NaT, pd.NA, "", b"\xff", "\ud800", "a\0", math.inf, 10**5000, "x" * 201])
    | number_like
    | st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.booleans()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.times()
    | st.binary(max_size=4)
    | st.uuids()
    | st.lists(st.text(max_size=3) | st.floats(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.dates(), max_size=2)
)
contact_ids = st.integers(0, 5) | st.sampled_from(["1", " 2 ", 3.0, date(2026, 11, 24)]) | any_value
numbers = number_like | any_value
any_rows = st.lists(st.tuples(contact_ids, numbers, numbers, any_value, any_value, any_value), max_size=12)


def one_by_one(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    """What ``clean`` is to say of each row, from the rules for single values."""
    seen: set[str] = set()
    judged: list[tuple[object, ...]] = []
    for contact_id, mobile, alternate, *variables in zip(*(rows[column] for column in rows), strict=True):
        text = text_of(contact_id)
        stripped = text.strip() if isinstance(text, str) else None
        if isinstance(text, TextFault):
            judged.append((None, f"contact_id: {text.value}"))
        elif not stripped:
            judged.append((None, "contact_id: missing"))
        elif len(stripped) > 200:
            judged.append((None, "contact_id: longer than 200 characters"))
        elif "\0" in stripped:
            judged.append((None, "contact_id: not valid text"))
        elif stripped in seen:
            judged.append((stripped, "contact_id: repeated"))
        else:
            seen.add(stripped)
            judged.append((stripped, *judged_by_content([mobile, alternate], variables[:2])))
    return judged


def judged_by_content(values: list[object], variables: list[object]) -> tuple[object, ...]:
    mobiles = [mobile_of(value) for value in values]
    kept = list(dict.fromkeys(mobile for mobile in mobiles if isinstance(mobile, str)))
    if not kept:
        fault = next((mobile for mobile in mobiles if mobile is not NumberFault.MISSING), NumberFault.MISSING)
        assert isinstance(fault, NumberFault)
        return (f"number: {fault.value}",)
    texts = [text_of(variable) for variable in variables]
    for name, text in zip(("Name", "Amount"), texts, strict=True):
        if isinstance(text, TextFault):
            return (f"variable {name}: {text.value}",)
    return kept, texts[0] or "", texts[1] or ""


def as_judged(cleaned: CleanContacts) -> list[tuple[object, ...]]:
    valid = [(each.row, each.contact_id, each.numbers, *each.variables) for each in cleaned.valid]
    return [judged[1:] for judged in sorted([*valid, *cleaned.invalid], key=lambda judged: judged[0])]


@given(any_rows)
def test_every_row_is_judged_as_it_would_be_alone(rows: list[tuple[object, ...]]) -> None:
    chunk = frame(*rows)
    assert as_judged(clean(chunk, COLUMNS)) == one_by_one(chunk)


@given(any_rows)
def test_every_row_is_a_call_that_can_be_sent_or_has_a_reason(rows: list[tuple[object, ...]]) -> None:
    cleaned = clean(frame(*rows), COLUMNS)
    for contact in cleaned.valid:
        assert all(re.fullmatch(r"91[6-9]\d{9}", number) for number in contact.numbers)
        texts = [contact.contact_id, *contact.variables]
        assert json.loads(json.dumps(texts, ensure_ascii=False).encode().decode()) == texts
    valid, invalid = [contact.row for contact in cleaned.valid], [bad.row for bad in cleaned.invalid]
    assert sorted(valid + invalid) == list(range(len(rows)))
    assert valid == sorted(valid)
    assert invalid == sorted(invalid)
    assert all(isinstance(bad.reason, str) and bad.reason for bad in cleaned.invalid)


@given(any_rows, st.integers(1, 5))
def test_the_result_does_not_depend_on_how_rows_are_cut_into_chunks(
    rows: list[tuple[object, ...]], size: int
) -> None:
    numbered = [(position, *values[1:]) for position, values in enumerate(rows)]
    chunks = [numbered[start : start + size] for start in range(0, len(numbered), size)]
    apart = [judged for chunk in chunks for judged in as_judged(clean(frame(*chunk), COLUMNS))]
    assert apart == as_judged(clean(frame(*numbered), COLUMNS))
