from __future__ import annotations

import csv
import json
import math
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.one_number import mobile_of
from phonon.contacts.numbers import MAX_NUMBERS, NumberFault, mobiles_of, number_lists, numbers_of
from phonon.numbering_plan import is_landline, is_mobile

TEN = "9999912345"
MOBILE = f"91{TEN}"
CELLS = list(csv.DictReader((Path(__file__).parent / "numbers.csv").open(encoding="utf-8", newline="")))
LANDLINE = "22" + 8 * "0"

WRITINGS = {
    "ten digits": "{0}{1}",
    "country code": "91{0}{1}",
    "plus and country code": "+91{0}{1}",
    "plus, country code and spaces": "+91 {0} {1}",
    "two zeros and country code": "0091{0}{1}",
    "two zeros after a plus": "+0091{0}{1}",
    "trunk zero": "0{0}{1}",
    "trunk zero and country code": "091{0}{1}",
    "trunk zero in brackets after the country code": "+91 (0) {0} {1}",
    "trunk zero after a bare country code": "910{0}{1}",
    "dashes": "+91-{0}-{1}",
    "dots": "+91.{0}.{1}",
    "brackets": "(+91) {0}{1}",
    "square brackets": "[{0}]{1}",
    "surrounding blanks": "  {0}{1}\t\n",
    "line break inside": "{0}\n{1}",
    "no-break space": "+91\u00a0{0}\u00a0{1}",
    "thin space": "+91\u2009{0}\u2009{1}",
    "en dash": "{0}\u2013{1}",
    "minus sign": "{0}\u2212{1}",
    "marks of a copied contact": "\u202a+91{0}{1}\u202c",
    "apostrophe of a spreadsheet": "'{0}{1}",
    "apostrophe and plus": "'+91{0}{1}",
    "float of a spreadsheet": "{0}{1}.0",
    "float with country code": "91{0}{1}.00",
    "number with a full stop": "{0}{1}.",
    "float with many zeros": "{0}{1}.00000",
    "fullwidth plus": "\uff0b91{0}{1}",
}

DIGITS_OF_SCRIPTS = {"fullwidth": 0xFF10, "devanagari": 0x0966, "arabic-indic": 0x0660, "tamil": 0x0BE6}

ten_digits = st.from_regex(r"9[0-9]{9}", fullmatch=True)


@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS)
@given(ten=ten_digits)
def test_a_mobile_number_in_any_usual_writing_is_the_same_number(writing: str, ten: str) -> None:
    assert mobile_of(writing.format(ten[:5], ten[5:])) == f"91{ten}"


@pytest.mark.parametrize("zero", DIGITS_OF_SCRIPTS.values(), ids=DIGITS_OF_SCRIPTS)
def test_digits_of_other_scripts_are_digits(zero: int) -> None:
    assert mobile_of("".join(chr(zero + int(digit)) for digit in f"91{TEN}")) == MOBILE


@pytest.mark.parametrize(
    "value",
    [
        int(TEN),
        int(MOBILE),
        float(TEN),
        Decimal(TEN),
        Decimal(f"{TEN}.00"),
        Decimal(TEN).scaleb(-3).scaleb(3),
        np.int64(TEN),
        np.uint64(MOBILE),
        np.float64(TEN),
        np.str_(TEN),
        TEN.encode(),
        bytearray(MOBILE, "ascii"),
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}",
)
def test_a_number_of_any_type_that_holds_one_is_kept(value: object) -> None:
    assert mobile_of(value) == MOBILE


FAULTS: list[tuple[object, NumberFault]] = [
    (None, NumberFault.MISSING),
    (math.nan, NumberFault.MISSING),
    (pd.NaT, NumberFault.MISSING),
    (pd.NA, NumberFault.MISSING),
    (Decimal("NaN"), NumberFault.MISSING),
    (np.datetime64("NaT"), NumberFault.MISSING),
    ("", NumberFault.MISSING),
    (" \u00a0\u200b", NumberFault.MISSING),
    (b"", NumberFault.MISSING),
    ("-", NumberFault.NOT_DIGITS),
    ("+", NumberFault.NOT_DIGITS),
    ("'", NumberFault.NOT_DIGITS),
    ("n/a", NumberFault.NOT_DIGITS),
    ("ext 12", NumberFault.NOT_DIGITS),
    (f"{TEN} ext 1234567", NumberFault.NOT_DIGITS),
    ("tel:", NumberFault.MISSING),
    ("/", NumberFault.MISSING),
    ([], NumberFault.MISSING),
    ("[]", NumberFault.MISSING),
    ("{}", NumberFault.MISSING),
    ([None, "x"], NumberFault.NOT_DIGITS),
    ({TEN: 1}, NumberFault.NOT_DIGITS),
    (f"{TEN}+", NumberFault.NOT_DIGITS),
    (f"++91{TEN}", NumberFault.NOT_DIGITS),
    ("9.99991E+09", NumberFault.DIGITS_LOST),
    ("9.2E+11", NumberFault.DIGITS_LOST),
    ("9E+11", NumberFault.DIGITS_LOST),
    ("9.199999000025E+11", NumberFault.NOT_DIGITS),
    (f"{TEN}\0", NumberFault.NOT_DIGITS),
    (f"{TEN}\ud800", NumberFault.NOT_DIGITS),
    ("99999\u00b92345", NumberFault.NOT_DIGITS),
    (b"\xff", NumberFault.NOT_DIGITS),
    (True, NumberFault.NOT_DIGITS),
    (-int(TEN), NumberFault.NOT_DIGITS),
    (int(TEN) + 0.5, NumberFault.NOT_DIGITS),
    (math.inf, NumberFault.NOT_DIGITS),
    (Decimal(f"{TEN}.50"), NumberFault.NOT_DIGITS),
    (date(2026, 11, 24), NumberFault.NOT_DIGITS),
    (timedelta(days=1), NumberFault.NOT_DIGITS),
    (np.timedelta64(int(TEN), "ns"), NumberFault.NOT_DIGITS),
    (TEN[:9], NumberFault.TOO_SHORT),
    (f"+91{TEN[:9]}", NumberFault.TOO_SHORT),
    (int(TEN[:9]), NumberFault.TOO_SHORT),
    (float(TEN[:9]), NumberFault.TOO_SHORT),
    (f"{TEN[:9]}.0", NumberFault.TOO_SHORT),
    (f"{TEN[:8]}.00", NumberFault.TOO_SHORT),
    (f"{TEN[:9]}.5", NumberFault.NOT_DIGITS),
    (f"91{TEN[:8]}.45", NumberFault.NOT_DIGITS),
    (f"{TEN}.5", NumberFault.NOT_DIGITS),
    (0, NumberFault.TOO_SHORT),
    ("00", NumberFault.TOO_SHORT),
    ("+12345", NumberFault.TOO_SHORT),
    (f"{TEN}1", NumberFault.TOO_LONG),
    (f"+91{TEN}1", NumberFault.TOO_LONG),
    (f"{TEN} {TEN}", NumberFault.TOO_LONG),
    (f"9191{TEN}", NumberFault.TOO_LONG),
    (int(f"{TEN}{TEN}"), NumberFault.TOO_LONG),
    (10**400, NumberFault.TOO_LONG),
    (10**5000, NumberFault.TOO_LONG),
    (Decimal("1E+999999"), NumberFault.TOO_LONG),
    (LANDLINE, NumberFault.NOT_MOBILE),
    (f"0{TEN[:9]}", NumberFault.NOT_MOBILE),
    (f"0{LANDLINE}", NumberFault.NOT_MOBILE),
    (f"+91 {LANDLINE}", NumberFault.NOT_MOBILE),
    (10 * "0", NumberFault.NOT_MOBILE),
    ("+1" + 10 * "5", NumberFault.OTHER_COUNTRY),
    ("001" + 10 * "5", NumberFault.OTHER_COUNTRY),
    (f"+44 {TEN}", NumberFault.OTHER_COUNTRY),
    ("+65" + 8 * "9", NumberFault.OTHER_COUNTRY),
    (f"+{TEN}", NumberFault.OTHER_COUNTRY),
]


@pytest.mark.parametrize(
    ("value", "fault"),
    FAULTS,
    ids=lambda value: value.name if isinstance(value, NumberFault) else type(value).__name__,
)
def test_what_is_no_indian_mobile_number_has_its_fault(value: object, fault: NumberFault) -> None:
    assert mobile_of(value) is fault


def test_a_column_of_what_is_no_number_has_the_same_faults() -> None:
    mobiles = mobiles_of(pd.Series([value for value, _ in FAULTS], dtype=object))
    assert mobiles.faults.tolist() == [fault for _, fault in FAULTS]
    assert set(mobiles.numbers) == {None}


@given(st.text(alphabet="0123456789+-. ()'\n\u00a0\uff10x") | st.text() | st.integers() | st.floats())
def test_whatever_is_kept_is_91_and_an_indian_mobile_number(value: object) -> None:
    mobile = mobile_of(value)
    assert isinstance(mobile, NumberFault) or (len(mobile) == 12 and mobile[:2] == "91" and is_mobile(mobile[2:]))


any_value = (
    st.builds(
        lambda writing, ten: writing.format(ten[:5], ten[5:]), st.sampled_from(list(WRITINGS.values())), ten_digits
    )
    | st.text(alphabet="0189+-. ()'\n\0\u00a0\uff10x", max_size=16)
    | ten_digits.map(int)
    | ten_digits.map(float)
    | ten_digits.map(Decimal)
    | st.sampled_from([None, math.nan, pd.NaT, math.inf, True, 10**400, 10**5000, -1.5, -0.0, b"9", 1e300, 2.0**53])
)


@given(st.lists(any_value))
def test_a_column_gives_what_its_values_give_one_by_one(values: list[object]) -> None:
    mobiles = mobiles_of(pd.Series(values, dtype=object))
    found = [mobiles.cell(place) or fault for place, fault in enumerate(mobiles.faults)]
    assert found == [numbers_of(value) for value in values]


@pytest.mark.parametrize(
    "dtype",
    ["int64", "float64", "Int64", "Float64", "string", "str", "category", "int64[pyarrow]", "string[pyarrow]"],
)
def test_numbers_of_any_dtype_are_read(dtype: Any) -> None:
    column = pd.Series([TEN] if "str" in dtype else [int(TEN)]).astype(dtype)
    assert mobiles_of(column).numbers.tolist() == [MOBILE]


def test_the_numbers_of_a_contact_keep_their_order_without_repeats() -> None:
    other = "9199999" + "00001"
    columns = [pd.Series([value], dtype=object) for value in (other, "x", int(TEN), None, f"+91 {TEN}", other[2:])]
    assert number_lists(columns).kept.tolist() == [[other, MOBILE]]


def test_of_more_numbers_than_are_kept_the_first_are() -> None:
    numbers = [f"9199999{index:05}" for index in range(MAX_NUMBERS + 2)]
    columns = [pd.Series([number], dtype=object) for number in numbers]
    assert number_lists(columns).kept.tolist() == [numbers[:MAX_NUMBERS]]


@pytest.mark.parametrize(
    ("first", "second", "fault"),
    [
        (None, " ", NumberFault.MISSING),
        (None, TEN[:5], NumberFault.TOO_SHORT),
        ("x", TEN[:5], NumberFault.NOT_DIGITS),
        (TEN[:5], None, NumberFault.TOO_SHORT),
        (TEN, "x", None),
        ("x", TEN, None),
        (None, TEN, None),
    ],
)
def test_a_contact_without_a_number_has_the_fault_of_its_first_value(
    first: object, second: object, fault: NumberFault | None
) -> None:
    columns = [pd.Series([first], dtype=object), pd.Series([second], dtype=object)]
    assert number_lists(columns).faults.tolist() == [fault]


@pytest.mark.parametrize("row", CELLS, ids=lambda row: row["cell"])
def test_a_cell_of_the_list_holds_its_numbers_or_has_its_reason(row: dict[str, str]) -> None:
    read = numbers_of(row["cell"])
    wanted = row["numbers"].split()
    assert read == wanted if wanted else f"number: {read.value}" == row["reason"]
    column = number_lists([pd.Series([row["cell"]])])
    assert column.kept.tolist() == [wanted]


ARRAYS: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "numpy": lambda numbers: np.array(numbers, dtype=object),
    "JSON": json.dumps,
    "JSON bytes": lambda numbers: json.dumps(numbers).encode(),
    "PostgreSQL text": lambda numbers: "{" + ",".join(numbers) + "}",
    "PostgreSQL quoted": lambda numbers: "{" + ",".join(f'"{number}"' for number in numbers) + "}",
}


@pytest.mark.parametrize("written", ARRAYS.values(), ids=ARRAYS)
@given(tens=st.lists(ten_digits, min_size=1, max_size=10, unique=True))
def test_every_number_of_an_array_is_kept_in_its_order(written: Any, tens: list[str]) -> None:
    column = pd.Series([written([f"+91 {ten}" for ten in tens])], dtype=object)
    assert number_lists([column]).kept.tolist() == [[f"91{ten}" for ten in tens]]


@given(
    tens=st.lists(ten_digits, min_size=1, max_size=10, unique=True),
    between=st.sampled_from(["/", " / ", ",", "; ", "|", "\n", "\r\n", " ,\n"]),
    writing=st.sampled_from(["{}", "+91 {}", "0{}", "tel:+91-{}", "{} x12", "{} ext. 12", "{}ext 3", "({})"]),
)
def test_every_number_of_a_text_is_kept_in_its_order(tens: list[str], between: str, writing: str) -> None:
    cell = between.join(writing.format(ten) for ten in tens)
    assert numbers_of(cell) == [f"91{ten}" for ten in tens]


@given(st.integers(0, 10**10 - 1))
def test_scientific_notation_is_read_where_all_digits_are_there(last: int) -> None:
    number = f"919{last:010}"[:12]
    written = f"{number[0]}.{number[1:]}E+11"
    assert numbers_of(written) == [number]
    assert numbers_of(written.replace(".", ",")) == [number]
    assert numbers_of(f"{number[0]}.{number[1:-1]}E+11") is NumberFault.DIGITS_LOST


@pytest.mark.parametrize(
    "landline", ["022 2345 6789", "0612 2345678", "080-41234567", "7122345678", "+91 22 23456789"]
)
def test_landlines_are_called_on_purpose_only(landline: str) -> None:
    assert numbers_of(landline) is NumberFault.NOT_MOBILE
    digits = "".join(filter(str.isdigit, landline))[-10:]
    assert is_landline(digits)
    assert numbers_of(landline, "any") == [f"91{digits}"]
    assert number_lists([pd.Series([landline])], "any").kept.tolist() == [[f"91{digits}"]]


@given(st.from_regex(r"[0-9]{10}", fullmatch=True))
def test_the_plan_alone_says_which_ten_digits_are_called(ten: str) -> None:
    assert isinstance(numbers_of(ten), list) == is_mobile(ten)
    assert isinstance(numbers_of(ten, "any"), list) == (is_mobile(ten) or is_landline(ten))


def test_one_bad_number_in_a_cell_leaves_the_others() -> None:
    assert numbers_of(f"x / {TEN} / 12") == [MOBILE]
    assert numbers_of(["x", int(TEN), None]) == [MOBILE]
