"""Well-formed requests to begin with: what a person tries the stand-in with, and what tests then spoil."""

from __future__ import annotations

from typing import Any

import orjson

SECURITY_ID = "Sample7" * 9 + "7"
FLOW_ID = "wruHzoCK"
START_TIME = "2099-01-01T10:00:00+05:30"
"""So far ahead that its date is not past."""


def sample_call(position: int = 0) -> dict[str, Any]:
    """Return a call in the form of the API; calls at different positions differ in name and number."""
    return {
        "client-identifier": f"sample:{position}",
        "start-time": START_TIME,
        "contact-numbers": [f"9199999{position % 100_000:05}"],
        "keys": [{"name": "$flow.key.Name", "value": "Asha"}],
    }


def sample_request(calls: int = 1, *, first: int = 0) -> dict[str, Any]:
    """Return a request with so many calls, from the position ``first`` on."""
    return {
        "api-version": "1.0",
        "security-id": SECURITY_ID,
        "flow-id": FLOW_ID,
        "calls": [sample_call(position) for position in range(first, first + calls)],
    }


def sample_body(calls: int = 1, *, first: int = 0) -> bytes:
    """Return :func:`sample_request` as the bytes of a body."""
    encoded: bytes = orjson.dumps(sample_request(calls, first=first))
    return encoded
