from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.contacts.text import TextFault, text_of, texts_of

IST = timezone(timedelta(hours=5, minutes=30))
MIDNIGHT = datetime.fromisoformat("2026-11-04T00:00:00")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


class Plan(Enum):
    GOLD = 1


class Tier(IntEnum):
    TWO = 2


class City(StrEnum):
    PUNE = "pune"


ITSELF: list[object] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Asha", "Asha"),
        ("", ""),
        (" as it is ", " as it is "),
        ("\u0906\u0936\u093e \U0001f642", "\u0906\u0936\u093e \U0001f642"),
        ("NaN", "NaN"),
        ("a\0b", "a\0b"),
        (np.str_("Asha"), "Asha"),
        (City.PUNE, "pune"),
        (0, "0"),
        (-7, "-7"),
        (2**70, "1180591620717411303424"),
        (Tier.TWO, "2"),
        (np.int32(5), "5"),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (12.0, "12"),
        (-12.0, "-12"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1234.5, "1234.5"),
        (1e16, "10000000000000000"),
        (1e23, "100000000000000000000000"),
        (1.5e-7, "0.00000015"),
        (np.float64(2.5), "2.5"),
        (np.float64(2), "2"),
        (np.float32(0.1), "0.1"),
        (np.float32(3), "3"),
        (np.float16(-0.0), "0"),
        (Decimal("10.50"), "10.50"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("-0.00"), "0.00"),
        (Decimal("-10.00"), "-10.00"),
        (True, "true"),
        (False, "false"),
        (np.bool_(True), "true"),
        (date(2026, 11, 4), "2026-11-04"),
        (date(999, 1, 2), "0999-01-02"),
        (MIDNIGHT, "2026-11-04T00:00:00"),
        (datetime.fromisoformat("2026-11-04T10:30:05.999999"), "2026-11-04T10:30:05"),
        (datetime(2026, 11, 4, 10, 30, tzinfo=UTC), "2026-11-04T10:30:00+00:00"),
        (datetime(2026, 11, 4, 10, 30, tzinfo=IST), "2026-11-04T10:30:00+05:30"),
        (datetime(2026, 11, 4, 10, 30, tzinfo=ZoneInfo("Asia/Kolkata")), "2026-11-04T10:30:00+05:30"),
        (pd.Timestamp("2026-11-04T10:30:05.123456789"), "2026-11-04T10:30:05"),
        (pd.Timestamp("2026-11-04", tz="Asia/Kolkata"), "2026-11-04T00:00:00+05:30"),
        (np.datetime64("2026-11-04T10:30:05.7"), "2026-11-04T10:30:05"),
        (np.datetime64("1960-01-01T00:00:00.5"), "1960-01-01T00:00:00"),
        (time(9, 5), "09:05:00"),
        (time(9, 5, 7, 1), "09:05:07"),
        (timedelta(days=1, hours=2), "1 day, 2:00:00"),
        (pd.Timedelta(days=1, hours=2), "1 day, 2:00:00"),
        (np.timedelta64(26, "h"), "1 day, 2:00:00"),
        (b"Asha", "Asha"),
        (bytearray("\u0906", "utf-8"), "\u0906"),
        (memoryview(b"Asha"), "Asha"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Plan.GOLD, "Plan.GOLD"),
        ([], "[]"),
        ([1, "a", None, 1.5, True], '[1,"a",null,1.5,true]'),
        (("a", Decimal("10.50")), '["a","10.50"]'),
        ({"a": {"b": date(2026, 11, 4)}, 1: pd.NaT}, '{"a":{"b":"2026-11-04"},"1":null}'),
        ({"b", "a"}, '["a","b"]'),
        (np.array([1, 2]), "[1,2]"),
        (np.array(["a", None], dtype=object), '["a",null]'),
        ([math.nan, pd.NA, UUID(int=1)], '[null,null,"00000000-0000-0000-0000-000000000001"]'),
        (["\u0906"], '["\u0906"]'),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_value_becomes_its_text(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    "value",
    [
        None,
        math.nan,
        np.float32("nan"),
        pd.NaT,
        pd.NA,
        Decimal("NaN"),
        Decimal("sNaN"),
        np.datetime64("NaT"),
        np.timedelta64("NaT"),
    ],
    ids=repr,
)
def test_a_null_has_no_text_and_no_fault(value: object) -> None:
    assert text_of(value) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (math.inf, TextFault.NOT_FINITE),
        (-math.inf, TextFault.NOT_FINITE),
        (np.float32("inf"), TextFault.NOT_FINITE),
        (Decimal("-Infinity"), TextFault.NOT_FINITE),
        ("\ud800", TextFault.NOT_TEXT),
        (b"\xff\xfe", TextFault.NOT_TEXT),
        (["\ud800"], TextFault.NOT_TEXT),
        (["a", b"\xff"], TextFault.NOT_TEXT),
        (ITSELF, TextFault.NOT_TEXT),
        (Unprintable(), TextFault.NOT_TEXT),
        (10**5000, TextFault.TOO_LONG),
        (Decimal("1E+999999"), TextFault.TOO_LONG),
        (Decimal("1E-999999"), TextFault.TOO_LONG),
    ],
    ids=lambda value: value.name if isinstance(value, TextFault) else type(value).__name__,
)
def test_what_json_cannot_carry_has_a_fault_and_no_text(value: object, fault: TextFault) -> None:
    assert text_of(value) is fault


@given(st.integers())
def test_the_text_of_an_integer_reads_back_as_the_integer(value: int) -> None:
    assert int(str(text_of(value))) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_reads_back_as_the_float_and_has_no_exponent(value: float) -> None:
    text = str(text_of(value))
    assert float(text) == value
    assert "e" not in text
    assert not text.endswith(".0")


@given(st.decimals(min_value=-(10**20), max_value=10**20))
def test_the_text_of_a_decimal_reads_back_as_the_decimal(value: Decimal) -> None:
    assert Decimal(str(text_of(value))) == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part)
    )
)
def test_the_text_of_a_nested_value_is_its_json(value: object) -> None:
    nested = [value]
    text = text_of(nested)
    assert text is TextFault.NOT_TEXT or json.loads(str(text)) == nested


any_value = (
    st.sampled_from(
        [None, math.nan, pd.NaT, pd.NA, np.float32(0.1), np.int8(3), np.datetime64("2026-11-04"), b"\xff"]
    )
    | st.text()
    | st.text(alphabet="a\0\ud800", max_size=3)
    | st.integers()
    | st.sampled_from([10**400, -(10**5000)])
    | st.floats()
    | st.decimals()
    | st.booleans()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.times()
    | st.timedeltas()
    | st.binary(max_size=4)
    | st.uuids()
    | st.lists(st.integers() | st.text(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.floats(), max_size=3)
)


_of_one_kind = [
    st.floats(),
    st.floats(0, 1) | st.floats(2**52, 2**54) | st.floats(-2, 0, exclude_max=True),
    st.decimals(),
    st.decimals(0, 10**6, places=2)
    | st.sampled_from([Decimal("-0.00"), Decimal("1E+3"), Decimal(1).scaleb(-5000)]),
    st.decimals(0, 10**6, places=2),
    st.dates(),
    st.text(alphabet="ab\ud800"),
]


@given(st.lists(any_value) | st.one_of([st.lists(kind) for kind in _of_one_kind]))
def test_a_column_gives_what_its_values_give_one_by_one(values: list[object]) -> None:
    column = pd.Series(values, dtype=object)
    texts = texts_of(column)
    found = [texts.faults.get(position, text) for position, text in enumerate(texts.texts)]
    assert found == [text_of(value) for value in column]


@given(
    st.lists(st.none() | st.datetimes(datetime.fromisoformat("1700-01-01"), datetime.fromisoformat("2250-01-01"))),
    st.sampled_from([None, "UTC", "Asia/Kolkata", "America/New_York"]),
    st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_a_datetime_column_gives_what_its_values_give_one_by_one(values: Any, zone: str | None, unit: Any) -> None:
    column = pd.Series(pd.to_datetime(values, utc=True).as_unit(unit).tz_convert(zone))
    assert texts_of(column).texts.tolist() == [text_of(value) for value in column]


@pytest.mark.parametrize("zone", [None, "Asia/Kolkata", "America/New_York"])
def test_the_first_and_last_instants_of_nanoseconds_have_texts(zone: str | None) -> None:
    ends = pd.Series([pd.Timestamp.min, pd.Timestamp.max], dtype="datetime64[ns]")
    column = ends if zone is None else ends.dt.tz_localize("UTC").dt.tz_convert(zone)
    assert [len(text) >= 19 for text in texts_of(column).texts] == [True, True]


@pytest.mark.parametrize(
    ("dtype", "values", "texts"),
    [
        ("int64", [1, 2], ["1", "2"]),
        ("uint8", [1, 2], ["1", "2"]),
        ("Int64", [1, None], ["1", None]),
        ("float64", [1.0, 2.5, None], ["1", "2.5", None]),
        ("float32", [0.1, None], ["0.1", None]),
        ("Float32", [0.1, None], ["0.1", None]),
        ("bool", [True, False], ["true", "false"]),
        ("boolean", [True, None], ["true", None]),
        ("string", ["a", None], ["a", None]),
        ("str", ["a", "b"], ["a", "b"]),
        ("category", ["a", None], ["a", None]),
        ("datetime64[ns]", [MIDNIGHT, None], ["2026-11-04T00:00:00", None]),
        ("timedelta64[ns]", [timedelta(hours=2), None], ["2:00:00", None]),
        ("Sparse[float64]", [1.0, math.nan], ["1", None]),
        ("int64[pyarrow]", [1, None], ["1", None]),
        ("float[pyarrow]", [0.1, None], ["0.1", None]),
        ("string[pyarrow]", ["a", None], ["a", None]),
        ("bool[pyarrow]", [True, None], ["true", None]),
        ("date32[pyarrow]", [date(2026, 11, 4), None], ["2026-11-04", None]),
        ("timestamp[us][pyarrow]", [MIDNIGHT, None], ["2026-11-04T00:00:00", None]),
        (
            "timestamp[us, tz=Asia/Kolkata][pyarrow]",
            [datetime(2026, 11, 4, tzinfo=IST)],
            ["2026-11-04T00:00:00+05:30"],
        ),
        ("time64[us][pyarrow]", [time(9, 5), None], ["09:05:00", None]),
        ("binary[pyarrow]", [b"a", None], ["a", None]),
    ],
)
def test_a_column_of_any_dtype_has_its_texts(dtype: str, values: list[object], texts: list[str | None]) -> None:
    assert texts_of(pd.Series(values, dtype=dtype)).texts.tolist() == texts


def test_decimals_and_lists_of_arrow_have_their_texts() -> None:
    pa = pytest.importorskip("pyarrow")
    decimals = pd.Series([Decimal("10.50"), None], dtype=pd.ArrowDtype(pa.decimal128(10, 2)))
    lists = pd.Series([[1, 2], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    assert texts_of(decimals).texts.tolist() == ["10.50", None]
    assert texts_of(lists).texts.tolist() == ["[1,2]", None]
