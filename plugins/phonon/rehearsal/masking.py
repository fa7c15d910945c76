"""A request body that may be shown: everything in its place, but the security-id and phone numbers are stars."""

from __future__ import annotations

from typing import Any

import orjson

from phonon.campaign.problems import masked

_SHOWN_DIGITS = 4


def masked_body(body: bytes) -> dict[str, Any]:
    """Return the content of a request body, masked.

    As many stars as there were characters, so that what is shown is as long as what would be sent. Of a number
    in ``contact-numbers`` the last four digits stay; whatever else looks like a phone number is all stars.
    """
    content: dict[str, Any] = orjson.loads(body)
    content["security-id"] = "*" * len(content["security-id"])
    for call in content["calls"]:
        call["contact-numbers"] = [_last_digits(number) for number in call["contact-numbers"]]
        for key in call["keys"]:
            if key["value"] != call["client-identifier"]:  # a hash, which would be taken for a secret
                key["value"] = masked(key["value"])
    return content


def as_sent(content: dict[str, Any]) -> str:
    """Write a body's content as it is sent: on one line, without spaces."""
    return orjson.dumps(content).decode()


def indented(content: dict[str, Any]) -> str:
    """Write a body's content for people."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _last_digits(number: str) -> str:
    return "*" * (len(number) - _SHOWN_DIGITS) + number[-_SHOWN_DIGITS:]
