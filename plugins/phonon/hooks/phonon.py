"""The hook: an Airflow connection becomes a session that can place calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NoReturn

from airflow.providers.http.hooks.http import HttpHook
from requests import Session
from requests_toolbelt.adapters.socket_options import TCPKeepAliveAdapter

from phonon.api.answer import Answer
from phonon.api.connection import ConnectionSettings
from phonon.api.endpoints import MAX_BYTES, MAX_CALLS, Endpoint
from phonon.api.request import Envelope
from phonon.api.transport import NotSent, Transport
from phonon.api.verdict import Past, Verdict, classify
from phonon.errors import ConfigurationError, UnreachableError
from phonon.hooks.account import CONN_TYPE, account_settings


@dataclass(frozen=True)
class OutboundCall:
    """One call for ``PhononHook.create_calls``."""

    client_identifier: str
    """The call's own name: at most 64 characters of ``[A-Za-z0-9_.:-]``."""
    contact_numbers: Sequence[str | int] = field(repr=False)
    """One to ten Indian mobile numbers in any usual writing, tried in turn."""
    variables: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Flow variable -> value, which becomes text as a campaign's does: dates as ISO, None as empty."""
    start_time: datetime | None = None
    """Aware, on no past day in India; None is now."""


@dataclass(frozen=True)
class CreateResult:
    """What Phonon answered to one request, and what that means."""

    verdict: Verdict
    answer: Answer | None
    """None when there was no readable answer: the outcome is unknown."""


class PhononHook(HttpHook):  # type: ignore[misc] # Airflow's classes are untyped to mypy
    """Talk to the outbound API of `Phonon <https://phonon.io>`__ for one account.

    Takes from ``HttpHook`` what it does well: TCP keep-alive and a session per connection. It does not take
    ``run``, ``run_with_advanced_retry`` and their kin: they follow redirects and repeat a POST after a
    timeout, either of which can call people twice.

    The connection's password is the security-id. The extra may hold ``bulk_url``, ``realtime_url``,
    ``api_version``, ``limit_unit``, ``bulk_per_minute``, ``realtime_per_minute``, ``max_in_flight``,
    ``timeout``, ``verify`` and ``proxy``; any other key is an error. Proxies and certificates come from the
    connection alone, not from the worker's environment.

    :param phonon_conn_id: the connection of type ``phonon``.
    """

    conn_name_attr = "phonon_conn_id"
    default_conn_name = "phonon_default"
    conn_type = CONN_TYPE
    hook_name = "Phonon"

    def __init__(self, phonon_conn_id: str = default_conn_name) -> None:
        super().__init__(method="POST", http_conn_id=phonon_conn_id)
        self.phonon_conn_id = phonon_conn_id

    @cached_property
    def settings(self) -> ConnectionSettings:
        """The connection, checked. Raises ConfigurationError that names the key and the cure."""
        return account_settings(self.phonon_conn_id)

    def get_conn(
        self,
        headers: dict[Any, Any] | None = None,
        extra_options: dict[str, Any] | None = None,  # noqa: ARG002 - HttpHook's signature
    ) -> Session:
        """Make a session with the connection's TLS and proxy settings and connections that are kept alive."""
        settings = self.settings
        session = Session()
        session.trust_env = False
        session.verify = settings.verify
        if settings.proxy:
            session.proxies = {"http": settings.proxy, "https": settings.proxy}
        adapter = TCPKeepAliveAdapter(idle=60, count=5, interval=15, pool_maxsize=settings.max_in_flight)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        session.headers.update(headers or {})
        return session

    def transport(self) -> Transport:
        """Make what writes requests to the account's two addresses. The caller closes it."""
        return Transport(self.get_conn(), self.settings.urls, self.settings.timeout)

    def create_calls(
        self, *, flow_id: str, calls: Sequence[OutboundCall], endpoint: Endpoint | str = Endpoint.REALTIME
    ) -> CreateResult:
        """Send one request with up to 500 calls, once, and say what the answer means.

        For one-off calls by hand. There is no ledger behind it: no claim, no shared limit, no calling window,
        and nothing is repeated. Look at ``verdict.kind``: UNKNOWN means the calls may have been placed.

        :raises UnreachableError: no connection could be made; nothing was sent.
        :raises ConfigurationError: a field of a call, the flow_id or the endpoint is not what the API takes, or
            there are too many calls or bytes; nothing was sent.
        """
        from phonon.hooks.one_off_calls import checked_flow_id, frozen_calls  # noqa: PLC0415 - heavy, for senders too

        door = _endpoint(endpoint)
        envelope = Envelope(self.settings.api_version, self.settings.security_id, checked_flow_id(flow_id))
        body = envelope.around(frozen_calls(calls, datetime.now(UTC)))
        if not 1 <= len(calls) <= MAX_CALLS or len(body) > MAX_BYTES:
            raise ConfigurationError(
                f"A request takes 1 to {MAX_CALLS} calls and {MAX_BYTES} bytes; this one has {len(calls)} calls "
                f"and {len(body)} bytes. Nothing was sent: call create_calls for fewer at a time."
            )
        transport = self.transport()
        try:
            exchange = transport.post(door, body, may_start=lambda: True)
        finally:
            transport.close()
        if isinstance(exchange, NotSent):
            raise UnreachableError(self.unreachable(door, exchange.error))
        answer = exchange if isinstance(exchange, Answer) else None
        return CreateResult(classify(door, Past.FIRST, answer), answer)

    def unreachable(self, endpoint: Endpoint, error: str) -> str:
        """Say that no connection could be made, and what to look at."""
        return (
            f"Phonon could not be reached at {self.settings.urls[endpoint]} ({error}). Nothing was sent. Check "
            f"{endpoint}_url and proxy of connection {self.phonon_conn_id!r}, and the network of the worker."
        )

    def test_connection(self) -> tuple[bool, str]:
        """Check the connection's content, and that its addresses can be connected to; never sends a request."""
        from phonon.hooks.reachability import try_to_connect  # noqa: PLC0415 - only the UI's button needs it

        try:
            settings = self.settings
        except ConfigurationError as error:
            return False, str(error)
        tries = {try_to_connect(url, settings) for url in settings.urls.values()}
        problems = sorted(problem for problem in tries if problem)
        if problems:
            return False, " ".join([*problems, "No request was sent."])
        reached = "its proxy" if settings.proxy else "both addresses"
        return True, f"The connection is complete and {reached} can be connected to. No request was sent."

    def run(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - whatever it is asked, it refuses
        """Refuse: HttpHook's way of sending may repeat a POST."""
        raise ConfigurationError("PhononHook does not send arbitrary requests; use create_calls().")

    run_with_advanced_retry = run
    run_and_check = run


def _endpoint(name: Endpoint | str) -> Endpoint:
    try:
        return Endpoint(name)
    except ValueError:
        choices = " or ".join(repr(each.value) for each in Endpoint)
        raise ConfigurationError(f"There is no endpoint {name!r}. Expected {choices}. Nothing was sent.") from None
