"""Indian mobile numbers as people type them into a form, or pass as integers. Cheap to import: a Dag file does."""

from __future__ import annotations

_BETWEEN = r"[ ().\-]*"
_LIKE_A_FRACTION = r"\.[ ()\-]*[0-9]?[ ()\-]*[0-9][ ()\-]*$"

PLAIN_WRITING = (
    rf"^(?!.*{_LIKE_A_FRACTION}){_BETWEEN}(?:(?:\+|00|0)?{_BETWEEN}91{_BETWEEN}0?|0)?{_BETWEEN}"
    rf"[6-9](?:{_BETWEEN}[0-9]){{9}}{_BETWEEN}$"
)
"""Matches the usual writings of ten digits that may be a mobile number; the numbering plan decides in the run.

``contacts.numbers`` reads odder writings too.
"""

PLAIN_INTEGERS = ((6_000_000_000, 9_999_999_999), (916_000_000_000, 919_999_999_999))
"""Lowest and highest of the integers that are such a number, without and with the country code."""
