"""What looks like a phone number, and what masks it: the only definition of both.

A text is masked where it holds a phone number, not where it is long: amounts, dates, UUIDs and digests stay, or
nobody could read what happened. What is masked is as much as people write: ten digits that could be an Indian
number, with or without a trunk zero or country code, and foreign numbers after a plus; with the spaces, dashes,
dots and brackets of people, and the escapes of URLs and JSON.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from phonon.numbering_plan import is_landline

STARS = "***"
"""Stands for what is masked."""

_LONGEST_NUMBER = 15
"""Digits of the longest international number (ITU-T E.164)."""
_SHORTEST_ABROAD = 8

_SECRET = re.compile(r"(?<![A-Za-z0-9])(?!(?:[0-9a-f]+|[0-9A-F]+)(?![A-Za-z0-9]))[A-Za-z0-9]{32,}")
_SECURITY_ID = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{32,}")

# The escapes of URLs and JSON, in which digits and letters are none of the text's own.
_ESCAPE = re.compile(
    r"%(?:2[089BDE]|0[AD]|C2%A0|E2%80%[89AB][0-9A-F])|\\u[0-9A-F]{4}|\\x[0-9A-F]{2}|\\[nrt]", re.IGNORECASE
)

_NO_NUMBER = re.compile(
    r"""
      (?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])      # a UUID
    | (?<![0-9A-Za-z])(?:0x)?(?=[0-9]*[a-f])[0-9a-f]{16,}(?![0-9A-Za-z])                       # a digest
    | (?<![0-9A-Za-z])(?=[0-9]*[A-F])[0-9A-F]{16,}(?![0-9A-Za-z])
    | (?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d                                                      # a date, a time
      (?:[T ][0-2]\d(?::[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?)?(?:\ ?[+-]\d\d:?\d\d)?)?(?!\d)
    | (?<!\d)[0-3]?\d([-/.])[01]?\d\1(?:19|20)\d\d(?!\d)
    | (?<!\d)[0-2]?\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?!\d)
    | (?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])                                               # an IP address
    | (?<![\d.])\d{1,9}\.\d{1,2}(?![\d.Ee])                                                    # an amount
    | (?<![\d.])0\.\d+(?![\d.Ee])                                                              # a fraction
    | (?<![\d.+])(?!0*91\.)(?!(?:\d\.?){10}(?![\d.]))\d{1,9}\.\d{6,}(?![\d.Ee])
    """,
    re.VERBOSE,
)
_SCIENTIFIC = re.compile(r"(?<![\d.])[1-9](?:\.\d{1,13})?[Ee]\+?(?:09|9|1[0-3])(?!\d)")

# Between the digits of one number: up to four of what people and spreadsheets put there.
_BETWEEN = r"(?:\0+|[\s.()\[\]+\-\u2010-\u2015\u2212\u00b7\u2022\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]){1,4}"
_RUN = re.compile(rf"\d+(?:{_BETWEEN}\d+)*")
_GROUP = re.compile(r"\d+")


def masked(text: str, *, echoed: bool = False, stars: Callable[[str], str] = lambda _: STARS) -> str:
    """Return ``text`` without phone numbers and secrets.

    :param echoed: whether the security-id may stand in the text, because it was sent to whoever wrote it, or
        because somebody may have put it in the wrong file. Then a digest of its length is hidden too.
    :param stars: what is written for a hidden part; three stars if it is left out.
    """
    hidden = [*_secrets(text, echoed=echoed), *phone_numbers(text)]
    if not hidden:
        return text
    parts, end = [], 0
    for start, stop in sorted(hidden):
        if start >= end:
            parts += [text[end:start], stars(text[start:stop])]
        end = max(end, stop)
    return "".join([*parts, text[end:]])


def phone_numbers(text: str) -> list[tuple[int, int]]:
    """Return where something that looks like a phone number stands: the start and end of each, in order."""
    plain = _NO_NUMBER.sub(lambda match: "x" * len(match[0]), _plain(text))
    found = []
    for match in _SCIENTIFIC.finditer(plain):
        if _looks_like_number(_written_out(match[0]), plus=False):
            found.append(match.span())
            plain = plain[: match.start()] + " " * len(match[0]) + plain[match.end() :]
    for run in _RUN.finditer(plain):
        found += _numbers_of_run(plain, [group.span() for group in _GROUP.finditer(plain, *run.span())])
    return sorted(found)


def _secrets(text: str, *, echoed: bool) -> Iterator[tuple[int, int]]:
    return (match.span() for match in (_SECURITY_ID if echoed else _SECRET).finditer(text))


def _plain(text: str) -> str:
    """The text with ASCII digits, and NULs for escapes; every character stays at its place."""
    if not text.isascii():
        text = "".join(_digit(char) for char in text)
    return _ESCAPE.sub(lambda match: "\0\0+" if match[0].upper() == "%2B" else "\0" * len(match[0]), text)


def _digit(char: str) -> str:
    decimal = unicodedata.decimal(char, None)
    if decimal is not None:
        return str(decimal)
    return "+" if char == "\uff0b" else char


def _written_out(scientific: str) -> str:
    mantissa, exponent = scientific.upper().split("E")
    whole, _, fraction = mantissa.partition(".")
    return whole + fraction.ljust(int(exponent), "0")


def _numbers_of_run(text: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Of digits in groups, those neighbours that make a number together; the longest first."""
    first = 0
    while first < len(groups):
        last = _last_of_number(text, groups, first)
        if last is None:
            first += 1
            continue
        yield groups[first][0], groups[last][1]
        first = last + 1


def _last_of_number(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of the longest number that begins with the group ``first``."""
    start = groups[first][0]
    plus = text[max(0, start - 3) : start].rstrip(" ([").endswith("+")
    digits, found = "", None
    for place in range(first, len(groups)):
        digits += text[slice(*groups[place])]
        if len(digits) > _LONGEST_NUMBER + 2:
            break
        if _looks_like_number(digits, plus=plus):
            found = place
    return found


def _looks_like_number(digits: str, *, plus: bool) -> bool:
    significant = digits.lstrip("0")
    zeros = len(digits) - len(significant)
    if (plus or zeros == 2) and _SHORTEST_ABROAD <= len(significant) <= _LONGEST_NUMBER:
        return True
    if zeros > 1:
        return False
    # A trunk zero after the country code is usual: +91 (0) 99999 12345.
    coded = len(significant) in {12, 13} and significant.startswith("91")
    national = significant[2:].removeprefix("0") if coded else significant
    if len(national) != 10 or national[0] in "01":
        return False
    return national[0] in "6789" or coded or zeros == 1 or is_landline(national)
