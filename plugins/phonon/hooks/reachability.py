"""Whether an address can be connected to, found out without sending a request."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from phonon.api.causes import cause_in_words
from phonon.api.connection import ConnectionSettings


def try_to_connect(url: str, settings: ConnectionSettings) -> str | None:
    """Open and close a connection, with TLS where the URL has it; gives what went wrong, or None.

    Through a proxy only the proxy itself is tried: whether it lets the worker through shows with a request.
    """
    parts = urlsplit(settings.proxy or url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), timeout=settings.timeout.connect) as plain:
            if parts.scheme == "https":
                context = ssl.create_default_context(
                    cafile=settings.verify if isinstance(settings.verify, str) else None
                )
                with context.wrap_socket(plain, server_hostname=host):
                    pass
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be a host's
        return f"{host}:{port} could not be connected to: {cause_in_words(error, proxy=bool(settings.proxy))}."
    return None
