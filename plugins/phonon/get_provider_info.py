"""What Airflow's provider manager has to know, the connection type and its form among it."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Entry point ``apache_airflow_provider``."""
    return {
        "package-name": "airflow-provider-phonon",
        "name": "Phonon",
        "description": "Phone campaigns from the warehouse through the outbound API of Phonon.",
        "versions": ["0.1.0"],
        "integrations": [
            {"integration-name": "Phonon", "external-doc-url": "https://phonon.io", "tags": ["service"]}
        ],
        "hooks": [{"integration-name": "Phonon", "python-modules": ["phonon.hooks.phonon"]}],
        "operators": [{"integration-name": "Phonon", "python-modules": ["phonon.operators.outbound"]}],
        "connection-types": [
            {
                "hook-class-name": "phonon.hooks.phonon.PhononHook",
                "hook-name": "Phonon",
                "connection-type": "phonon",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "login", "port"],
                    "relabeling": {"password": "Security id"},
                    "placeholders": {"password": "exactly 64 letters and digits, from the flow's edit page"},
                },
                "conn-fields": _fields(),
            }
        ],
    }


def _fields() -> dict[str, Any]:
    return {
        "bulk_url": _text("Bulk URL", "Whole URL of the create call for bulk. Empty: the vendor's."),
        "realtime_url": _text("Real-time URL", "Whole URL of the create call for real time. Empty: the vendor's."),
        "api_version": _text(
            "API version",
            "1.0 calls people, TEST is for trying.",
            enum=["1.0", "TEST"],
            left_out="1.0 (the default)",
        ),
        "limit_unit": _text(
            "Limit counts",
            "What the limit a minute counts.",
            enum=["calls", "requests"],
            left_out="calls (the default)",
        ),
        "bulk_per_minute": _number("Bulk limit a minute", "Empty: 30000, as documented."),
        "realtime_per_minute": _number("Real-time limit a minute", "Empty: 500, as documented."),
        "max_in_flight": _number("Requests in flight", "At most, for each run. Empty: 16."),
        "timeout": _text("Timeout (s)", "Seconds to wait for an answer. Empty: 60, and 10 to connect."),
        "verify": _text("CA bundle", "Path of a CA bundle on the workers. Empty: the public authorities."),
        "proxy": _text("Proxy", "URL of an HTTP proxy. Its address is what Phonon must whitelist."),
    }


def _text(
    label: str, description: str, *, enum: list[str] | None = None, left_out: str | None = None
) -> dict[str, Any]:
    """Describe a field of text. ``left_out``: what the form shows in a list for no choice, instead of *null*."""
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if enum:
        schema["enum"] = [*enum, None]
        schema["values_display"] = {**{each: each for each in enum}, "null": left_out}
    return {"label": label, "description": description, "schema": schema}


def _number(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["integer", "null"], "minimum": 1}}
