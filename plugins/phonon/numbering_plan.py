"""The Indian numbering plan, as the package ``phonenumbers`` has it.

The plan says which ten digits are a mobile phone and which are a landline. Both share their first digits (712 is
Nagpur, and 712 0 begins mobile numbers), so no rule about the first digit is right. The package is imported at
first use: a Dag file imports what leads here and needs no number.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, TypeAlias

NumbersKind: TypeAlias = Literal["mobile", "any"]
"""Which numbers of the plan are called: mobile numbers, or landlines too."""

NATIONAL_LENGTH = 10
"""Digits of every mobile and landline number, without the country code."""


@cache
def mobile_pattern() -> str:
    """Return the plan's regular expression of the ten digits of a mobile number, without groups or anchors."""
    return _pattern("mobile")


def is_mobile(ten_digits: str) -> bool:
    """Return whether ASCII digits without a country code are a mobile number."""
    return _compiled("mobile").fullmatch(ten_digits) is not None


def is_landline(ten_digits: str) -> bool:
    """Return whether ASCII digits without a country code and trunk zero are a landline with its area code."""
    return len(ten_digits) == NATIONAL_LENGTH and _compiled("fixed_line").fullmatch(ten_digits) is not None


@cache
def _compiled(kind: str) -> re.Pattern[str]:
    return re.compile(_pattern(kind))


def _pattern(kind: str) -> str:
    from phonenumbers import PhoneMetadata  # noqa: PLC0415 - see the module's docstring

    plan = PhoneMetadata.metadata_for_region("IN")
    described = getattr(plan, kind).national_number_pattern if plan is not None else None
    if not described:
        raise RuntimeError(f"Install phonenumbers 9 or newer: the installed one has no plan for India ({kind}).")
    return str(described)
