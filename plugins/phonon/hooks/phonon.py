"""The hook: an Airflow connection becomes a session that can place calls."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NoReturn

from airflow.providers.http.hooks.http import HttpHook
from requests import Session
from requests_toolbelt.adapters.socket_options import TCPKeepAliveAdapter

from phonon.api.answer import Answer
from phonon.api.codes import CURE
from phonon.api.connection import ConnectionSettings
from phonon.api.endpoints import MAX_BYTES, MAX_CALLS, Endpoint
from phonon.api.request import Envelope
from phonon.api.transport import NotSent, Transport
from phonon.api.verdict import Kind, Past, Verdict, classify
from phonon.errors import ConfigurationError, UnreachableError
from phonon.hooks.account import CONN_TYPE, account_settings
from phonon.redaction import masked
from phonon.wording import counted

_SHOWN = 20
"""Client-identifiers that a line of the log names."""


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


class CreateResult(dict[str, Any]):
    """What Phonon answered to one request, and what that means.

    A dict of plain values, so that a task may return it: ``outcome``, ``reason``, ``http_status``, ``code``,
    ``message``, ``request_id``, ``client_identifiers``, ``phonon_uuids``. The next task gets these from XCom.
    """

    def __init__(self, verdict: Verdict, answer: Answer | None, client_identifiers: Sequence[str]) -> None:
        self.verdict = verdict
        self.answer = answer
        """None when there was no readable answer: the outcome is unknown."""
        super().__init__(
            outcome=verdict.kind.value,
            reason=verdict.reason,
            http_status=None if answer is None else answer.http_status,
            code=None if answer is None or answer.code is None else answer.code.value,
            message="" if answer is None else answer.message,
            request_id=self.request_id,
            client_identifiers=list(client_identifiers),
            phonon_uuids=None if answer is None or answer.phonon_uuids is None else dict(answer.phonon_uuids),
        )

    @property
    def request_id(self) -> str | None:
        """Phonon's id of the request; None if the answer had none."""
        return None if self.answer is None else self.answer.request_id

    @property
    def is_accepted(self) -> bool:
        """Whether Phonon accepted all calls."""
        return self.verdict.kind is Kind.ACCEPTED

    @property
    def is_unknown(self) -> bool:
        """Whether Phonon may have taken calls without saying so: then to call again may call people twice."""
        return self.verdict.kind is Kind.PARTIAL or (not self.is_accepted and self.verdict.past.may_be_accepted)

    @property
    def said(self) -> str:
        """What came of the request, for a log or an error: whether the calls were placed, why, and what to do."""
        calls = counted(len(self["client_identifiers"]), "call")
        if self.is_accepted:
            return f"Phonon accepted {calls}."
        if self.verdict.kind is Kind.PARTIAL:
            listed = len(self["phonon_uuids"] or {})
            return (
                f"Look into Phonon's report before you call again: it accepted {listed} of {calls}.\n"
                f"Of the others nobody knows. {self.verdict.reason}"
            )
        if self.is_unknown:
            return (
                f"Look into Phonon's report before you call again: {calls} may have been placed.\n"
                f"Nobody knows whether Phonon took them: {self.verdict.reason}"
            )
        cure = CURE.get(self.answer.code) if self.answer is not None and self.answer.code is not None else None
        todo = f"\nBefore you call again: {cure}." if cure else ""
        return f"Phonon did not take {calls}: {self.verdict.reason}{todo}"


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
        and nothing is repeated. A task that is tried again calls again: give it ``retries=0``. The result says
        with ``is_accepted`` whether the calls are placed, and with ``is_unknown`` that nobody can tell. It may
        be returned from a task. Client-identifiers, request-id and outcome are logged.

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
        names = [call.client_identifier for call in calls]
        shown = masked(", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else ""))
        self.log.info("Sending %s to %s: %s", counted(len(names), "call"), door, shown)
        transport = self.transport()
        try:
            exchange = transport.post(door, body, may_start=lambda: True)
        finally:
            transport.close()
        if isinstance(exchange, NotSent):
            raise UnreachableError(self.unreachable(door, exchange.error))
        answer = exchange if isinstance(exchange, Answer) else None
        result = CreateResult(classify(door, Past.FIRST, answer), answer, names)
        level = logging.INFO if result.is_accepted else logging.WARNING
        self.log.log(level, "%s (%s; request-id %s)", result.said, shown, result.request_id or "not given")
        return result

    def unreachable(self, endpoint: Endpoint, error: str) -> str:
        """Say that no connection could be made, and what to look at."""
        return (
            f"Phonon could not be reached: {error}.\n"
            f"Nothing was sent to {self.settings.urls[endpoint]}. {endpoint}_url, proxy, verify and timeout "
            f"are in the connection {self.phonon_conn_id!r}."
        )

    def test_connection(self) -> tuple[bool, str]:
        """Check the connection's content, and that its addresses can be connected to; never sends a request."""
        from phonon.hooks.reachability import try_to_connect  # noqa: PLC0415 - only the UI's button needs it

        try:
            settings = self.settings
        except ConfigurationError as error:
            # The button of the form tries what is not saved yet, under an id that Airflow makes up.
            return False, re.sub(rf"\b([Cc])onnection '{re.escape(self.phonon_conn_id)}'", _this, str(error))
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


def _this(found: re.Match[str]) -> str:
    return "This connection" if found[1] == "C" else "this connection"
