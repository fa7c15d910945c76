"""The content of a Phonon connection: what is allowed in it, and what is used when it says nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from phonon.api.endpoints import Endpoint
from phonon.api.transport import Timeout
from phonon.errors import ConfigurationError

_SECURITY_ID = re.compile(r"[A-Za-z0-9]{64}")
_DIGITS = re.compile(r"[0-9]{1,18}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EXTRAS = (
    "bulk_url",
    "realtime_url",
    "api_version",
    "limit_unit",
    "bulk_per_minute",
    "realtime_per_minute",
    "max_in_flight",
    "timeout",
    "verify",
    "proxy",
)


@dataclass(frozen=True)
class ConnectionSettings:
    """An account and how to reach it. ``verify`` is True or the path of a CA bundle."""

    security_id: str = field(repr=False)
    urls: Mapping[Endpoint, str]
    per_minute: Mapping[Endpoint, int]
    api_version: str = "1.0"
    counts_requests: bool = False
    max_in_flight: int = 16
    timeout: Timeout = field(default_factory=Timeout)
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)


def read_connection(conn_id: str, password: str | None, extra: Mapping[str, Any]) -> ConnectionSettings:
    """Read and check a connection. Raises ConfigurationError that names the connection, the key and the cure."""
    reader = _Reader(conn_id, extra)
    reader.check_keys()
    reader.check_security_id(password)
    return ConnectionSettings(
        security_id=password or "",
        urls={endpoint: reader.url(f"{endpoint}_url", endpoint.vendor_url) for endpoint in Endpoint},
        per_minute={
            endpoint: reader.whole_number(f"{endpoint}_per_minute", endpoint.documented_per_minute)
            for endpoint in Endpoint
        },
        api_version=reader.choice("api_version", ("1.0", "TEST")),
        counts_requests=reader.choice("limit_unit", ("calls", "requests")) == "requests",
        max_in_flight=reader.whole_number("max_in_flight", 16, most=256),
        timeout=reader.timeout(),
        verify=reader.verify(),
        proxy=reader.proxy(),
    )


@dataclass(frozen=True)
class _Reader:
    conn_id: str
    extra: Mapping[str, Any]

    def error(self, key: str, expected: str) -> ConfigurationError:
        return ConfigurationError(f"Connection {self.conn_id!r}: {key} in its extra must be {expected}.")

    def check_keys(self) -> None:
        unknown = [key for key in self.extra if key not in _EXTRAS]
        if unknown:
            near = difflib.get_close_matches(unknown[0], _EXTRAS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigurationError(
                f"Connection {self.conn_id!r}: unknown keys in its extra: {', '.join(sorted(unknown))}.{hint} "
                f"Known are {', '.join(_EXTRAS)}."
            )

    def check_security_id(self, password: str | None) -> None:
        if not password:
            raise ConfigurationError(
                f"Connection {self.conn_id!r} has no password. Put the security-id of the flow's edit page there."
            )
        if not _SECURITY_ID.fullmatch(password):
            raise ConfigurationError(
                f"Connection {self.conn_id!r}: the password is not a security-id, which is 64 letters and digits "
                f"(this one has {len(password)} characters). Copy it from the flow's edit page."
            )

    def url(self, key: str, default: str) -> str:
        value = self.extra.get(key) or default
        parts = _http_url(value)
        if parts is None:
            raise self.error(
                key, "the whole URL of the create call, such as https://host/kairos-apis/outbound/create"
            )
        if parts.username or parts.password or parts.query:
            raise self.error(key, "a URL without user, password or query")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise self.error(key, "an https:// URL: http:// is accepted for 127.0.0.1, localhost and ::1 only")
        return str(value)

    def whole_number(self, key: str, default: int, *, most: int = 1_000_000_000) -> int:
        value = self.extra.get(key, default)
        if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):  # the form of the UI sends texts
            value = int(value)
        if value is None or value == "":
            value = default
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise self.error(key, f"a whole number from 1 to {most}")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.extra.get(key) or choices[0]
        if value not in choices:
            raise self.error(key, " or ".join(repr(choice) for choice in choices))
        return str(value)

    def timeout(self) -> Timeout:
        value = self.extra.get("timeout")
        default = Timeout()
        if value is None or value == "":
            return default
        expected = 'seconds, such as 60, or {"connect": 10, "read": 60}'
        if isinstance(value, Mapping):
            if set(value) - {"connect", "read"}:
                raise self.error("timeout", expected)
            connect, read = value.get("connect", default.connect), value.get("read", default.read)
        elif isinstance(value, list | tuple) and len(value) == 2:
            connect, read = value
        else:
            connect, read = default.connect, value
        return Timeout(self._seconds(connect, expected), self._seconds(read, expected))

    def _seconds(self, value: object, expected: str) -> float:
        try:
            seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
        except (ValueError, OverflowError):
            seconds = 0.0
        if not 0 < seconds <= 600:
            raise self.error("timeout", expected + ", from just above 0 to 600")
        return seconds

    def verify(self) -> bool | str:
        value = self.extra.get("verify", True)
        if value is True or value is None or value in ("", "true", "True"):
            return True
        if isinstance(value, str) and value.lower() != "false":
            if not _is_file(value):
                raise self.error(
                    "verify", "true or the path of a CA bundle on the worker; there is no file at this path"
                )
            return value
        raise self.error(
            "verify", "true or the path of a CA bundle, never false: the security-id is in every request"
        )

    def proxy(self) -> str | None:
        value = self.extra.get("proxy")
        if not value:
            return None
        if not isinstance(value, str) or _http_url(value) is None:
            raise self.error("proxy", "the URL of an HTTP proxy, such as http://proxy.example.com:3128")
        return value


def _http_url(value: object) -> SplitResult | None:
    """The parts of a whole http or https URL; None for anything else, also for what urlsplit chokes on."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        valid = parts is not None and parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        return None
    return parts if valid else None


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # too long for a path: somebody pasted the certificates themselves
        return False
