"""Indian phone numbers, in any usual writing, as the ``91`` and ten digits that Phonon takes.

Two paths give the same result: one regular expression over a whole column for mobile numbers in the common
writings, and ``numbers_of``, which reads one value with care, for the odd rest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import chain
from types import NoneType

import numpy as np
import pandas as pd

from phonon.contacts.cells import parts_of
from phonon.contacts.kinds import Objects, by_kind, python_values
from phonon.contacts.text import TextFault, text_of
from phonon.numbering_plan import NumbersKind, is_landline, is_mobile, mobile_pattern

MAX_NUMBERS = 10
"""Numbers kept of a contact, the first ones. The API states no limit; the vendor's file upload takes 10."""

_SHORTEST_ABROAD = 7
_NULL_KINDS = frozenset({NoneType, type(pd.NaT), type(pd.NA)})

_COMMON_SEPARATORS = str.maketrans("", "", " -()")

_WHOLE = re.compile(r"([0-9]+)(?:\.0*)?")
# A number that a spreadsheet or a driver made a float of. Read with the dot as a separator, nine digits and .0
# would be the ten digits of somebody else, so one or two digits after the only dot are always decimals.
_FLOAT_IN_TEXT = re.compile(r"(\+?[0-9]+)\.([0-9]{1,2}|(?<=[0-9]{10}\.)0*)")
_SCIENTIFIC = re.compile(r"([1-9])(?:[.,]([0-9]{1,30}))?[Ee]\+?([0-9]{1,2})")
_APOSTROPHES = "'‘’`"  # noqa: RUF001 - the curly ones are what is meant


class NumberFault(Enum):
    """Why a value is no number that can be called."""

    MISSING = "missing"
    TOO_SHORT = "too short"
    TOO_LONG = "too long"
    NOT_MOBILE = "not a mobile number"
    NOT_IN_PLAN = "not in the numbering plan"
    DIGITS_LOST = "digits lost"
    NOT_DIGITS = "not digits"
    OTHER_COUNTRY = "other country"


@dataclass(frozen=True)
class Mobiles:
    """A column of numbers: at each position either a text in ``numbers`` or a ``NumberFault`` in ``faults``."""

    numbers: Objects
    faults: Objects
    more: Mapping[int, list[str]]
    """All numbers of the positions that hold several, of which ``numbers`` has the first."""

    def cell(self, position: int) -> list[str]:
        """Return the numbers at a position, in their order."""
        number = self.numbers[position]
        return self.more.get(position) or ([number] if number else [])

    def all(self) -> Iterator[str]:
        """Yield every number of the column."""
        yield from (number for number in self.numbers if number is not None)
        yield from (number for several in self.more.values() for number in several[1:])


@dataclass(frozen=True)
class NumberLists:
    """Numbers by contact: ``kept`` holds a ``list[str]``; where it is empty ``faults`` says why, else ``None``."""

    kept: Objects
    faults: Objects


def numbers_of(value: object, kind: NumbersKind = "mobile") -> list[str] | NumberFault:
    """Return the numbers of one cell in their order, without repeats, or why there is none; never raises.

    A cell holds one number, several in a text (see ``phonon.contacts.cells``), or an array of such.
    """
    found: dict[str, None] = {}
    faults: list[NumberFault] = []
    for part in parts_of(value):
        number = _one_of(part, kind)
        if isinstance(number, NumberFault):
            faults.append(number)
        else:
            found[number] = None
    if found:
        return list(found)
    return next((fault for fault in faults if fault is not NumberFault.MISSING), NumberFault.MISSING)


def _one_of(value: object, kind: NumbersKind) -> str | NumberFault:
    text = text_of(value)
    if text is None:
        return NumberFault.MISSING
    if isinstance(text, TextFault):
        return NumberFault.TOO_LONG if text is TextFault.TOO_LONG else NumberFault.NOT_DIGITS
    if isinstance(value, str | bytes | bytearray | memoryview):
        return _number_of_text(text, kind)
    if isinstance(value, int | float | Decimal | np.integer | np.floating):
        # A boolean and a time span are of these types too; their texts are not whole numbers.
        whole = _WHOLE.fullmatch(text)
        return _judge(whole[1], kind, plus=False) if whole else NumberFault.NOT_DIGITS
    return NumberFault.NOT_DIGITS


def mobiles_of(column: pd.Series, kind: NumbersKind = "mobile") -> Mobiles:
    """Read a column of any dtype; the same as ``numbers_of`` of each value."""
    values = python_values(column)
    numbers = np.full(len(values), None, dtype=object)
    faults = np.full(len(values), None, dtype=object)
    more: dict[int, list[str]] = {}
    for type_, at in by_kind(values):
        if type_ in _NULL_KINDS:
            faults[at] = NumberFault.MISSING
        else:
            numbers[at] = _common_writings(type_, values[at])
    for position in np.flatnonzero(numbers == "").tolist():
        read = numbers_of(values[position], kind)
        if isinstance(read, NumberFault):
            numbers[position], faults[position] = None, read
        else:
            numbers[position] = read[0]
            if len(read) > 1:
                more[position] = read
    return Mobiles(numbers, faults, more)


def number_lists(columns: Sequence[pd.Series], kind: NumbersKind = "mobile") -> NumberLists:
    """Read the numbers of each contact: in the columns' order, without repeats, at most ``MAX_NUMBERS``.

    Takes one or more columns of the same length. A contact without a number has the fault of its first value
    that is not null or blank.
    """
    read = [mobiles_of(column, kind) for column in columns]
    if len(read) == 1:
        lists = [[number] if number else [] for number in read[0].numbers]
    else:
        rows = zip(*(mobiles.numbers for mobiles in read), strict=True)
        lists = [[number for number in dict.fromkeys(row) if number][:MAX_NUMBERS] for row in rows]
    for position in set().union(*(mobiles.more for mobiles in read)):
        cells = (mobiles.cell(position) for mobiles in read)
        lists[position] = list(dict.fromkeys(chain.from_iterable(cells)))[:MAX_NUMBERS]
    kept = np.fromiter(lists, dtype=object, count=len(lists))
    faults = read[0].faults
    for mobiles in read[1:]:
        faults = np.where(faults == NumberFault.MISSING, mobiles.faults, faults)
    faults[kept.astype(np.bool_)] = None
    return NumberLists(kept, faults)


@cache
def _common_writing() -> re.Pattern[str]:
    """Match a line that is a mobile number in a common writing, or any other with an empty group."""
    return re.compile(rf"^(?:(?:\+91|0091|91|0)?({mobile_pattern()})|.*)$", re.MULTILINE)


def _common_writings(kind: type, values: Objects) -> Objects:
    """Return numbers in the writings that nearly all come in, and an empty text for each to read with care."""
    if kind is str:
        lines = _one_line_each(values).translate(_COMMON_SEPARATORS)
    elif kind is int or kind is float:
        lines = _integer_lines(values)
    else:
        return np.full(len(values), "", dtype=object)
    ten_digits = np.array(_common_writing().findall(lines), dtype=object)
    return np.where(ten_digits == "", "", "91" + ten_digits)


def _one_line_each(values: Objects) -> str:
    lines = "\n".join(values)
    if lines.count("\n") == len(values) - 1:
        return lines
    return "\n".join(value.replace("\n", " ") for value in values)


def _integer_lines(values: Objects) -> str:
    """Integers and whole floats, one a line; a line with a zero for each that is not exact as a float."""
    try:
        numbers = values.astype(np.float64)
    except OverflowError:
        numbers = np.zeros(len(values))
    exact = (np.abs(numbers) < 2**53) & (numbers == np.trunc(numbers))
    return "\n".join(map(str, np.where(exact, numbers, 0).astype(np.int64).tolist()))


class _Writing(dict[int, str | None]):
    """For ``str.translate``: digits of any script become ASCII, separators vanish, the rest stays.

    Filled as characters are met, because Unicode has a million and a column a few dozen.
    """

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        digit = unicodedata.decimal(char, None)
        plain = unicodedata.normalize("NFKC", char)
        if digit is not None:
            self[code] = str(digit)
        elif plain in {"+", "."}:
            self[code] = plain
        elif _is_blank(char) or char in "−·•‧" or unicodedata.category(char) in {"Pd", "Ps", "Pe"}:  # noqa: RUF001 - the minus is what is meant
            self[code] = None
        else:
            self[code] = char
        return self[code]


_WRITING = _Writing()


def _is_blank(char: str) -> bool:
    """Whether a character shows nothing: white space, or a mark that copying from a phone's contacts leaves."""
    return char.isspace() or unicodedata.category(char) == "Cf"


def _number_of_text(text: str, kind: NumbersKind) -> str | NumberFault:
    compact = text.translate(_WRITING)
    if not compact:
        return NumberFault.MISSING if all(map(_is_blank, text)) else NumberFault.NOT_DIGITS
    if compact[0] in _APOSTROPHES:
        compact = compact[1:]
    if scientific := _SCIENTIFIC.fullmatch(compact):
        whole = _written_out(scientific)
        return whole if isinstance(whole, NumberFault) else _judge(whole, kind, plus=False)
    if number := _FLOAT_IN_TEXT.fullmatch(compact):
        compact, decimals = number.groups()
        if decimals.strip("0"):
            return NumberFault.NOT_DIGITS
    compact = compact.replace(".", "")
    digits = compact.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()):
        return NumberFault.NOT_DIGITS
    return _judge(digits, kind, plus=digits != compact)


def _written_out(scientific: re.Match[str]) -> str | NumberFault:
    """Return the digits of what a spreadsheet shows as 9.19999900002E+11, if it shows them all."""
    whole, fraction, exponent = scientific[1], scientific[2] or "", int(scientific[3])
    if len(fraction) < exponent:
        return NumberFault.DIGITS_LOST
    return NumberFault.NOT_DIGITS if fraction[exponent:].strip("0") else whole + fraction[:exponent]


def _judge(digits: str, kind: NumbersKind, *, plus: bool) -> str | NumberFault:
    """What ASCII digits stand for, dialled from abroad (after a plus or two zeros) or from within India."""
    significant = digits.lstrip("0")
    zeros = len(digits) - len(significant)
    if zeros == 2 or (plus and not zeros):
        if not significant.startswith("91"):
            return NumberFault.TOO_SHORT if len(significant) < _SHORTEST_ABROAD else NumberFault.OTHER_COUNTRY
        return _judge_national(significant[2:], kind)
    if zeros <= 1 and significant.startswith("91") and len(significant) >= 12:
        return _judge_national(significant[2:], kind)
    return _judge_national(digits, kind)


def _judge_national(digits: str, kind: NumbersKind) -> str | NumberFault:
    """What digits without a country code stand for."""
    trunk_zero = len(digits) == 11 and digits.startswith("0")
    national = digits[1:] if trunk_zero else digits
    if len(national) != 10:
        return NumberFault.TOO_SHORT if len(national) < 10 else NumberFault.TOO_LONG
    if is_mobile(national) or (kind == "any" and is_landline(national)):
        return f"91{national}"
    return NumberFault.NOT_MOBILE if kind == "mobile" else NumberFault.NOT_IN_PLAN
