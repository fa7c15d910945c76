"""The stand-in Phonon on a real socket: the vendor's paths, and pages and controls of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import orjson
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from simulator.arrival import JSON_TYPE, Arrival
from simulator.delivery import deliver
from simulator.faults import Fault, When
from simulator.page import page
from simulator.settings import IST, Endpoint
from simulator.standin import Phonon

Clock = Callable[[], datetime]
"""Tells the present time, aware."""

_LINES_A_WRITE = 500
_SHOWN_CALLS = 20
_FAULT = TypeAdapter(Fault)
_FAULTS = TypeAdapter(list[Fault])


def ist_now() -> datetime:
    """Return the wall clock's time in IST."""
    return datetime.now(IST)


@asynccontextmanager
async def listening(phonon: Phonon, *, host: str, port: int, clock: Clock = ist_now) -> AsyncIterator[str]:
    """Serve on ``host`` and ``port`` (0: any free one) while the context lasts; yields the base URL.

    :raises OSError: the address cannot be bound.
    """
    # Cancelled on disconnect, or a withheld answer would outlive its client; no access log, it slows a benchmark.
    runner = web.AppRunner(
        _Routes(phonon, clock).application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.2
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield _base_url(host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _base_url(host: str, port: int) -> str:
    # Bound to every address, it is reached by the one that every machine has.
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


class _Routes:
    """The handlers of one stand-in."""

    def __init__(self, phonon: Phonon, clock: Clock) -> None:
        self._phonon = phonon
        self._clock = clock

    def application(self) -> web.Application:
        application = web.Application()
        routes = application.router
        for endpoint in Endpoint:
            routes.add_post(endpoint.path, self._create(endpoint))
        routes.add_get("/", self._page)
        routes.add_get("/simulator/summary", self._summary)
        routes.add_get("/simulator/accepted", self._accepted)
        routes.add_post("/simulator/reset", self._reset)
        routes.add_get("/simulator/faults", self._waiting_faults)
        routes.add_post("/simulator/faults", self._inject)
        routes.add_delete("/simulator/faults", self._clear_faults)
        return application

    def _create(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def create(request: web.Request) -> web.StreamResponse:
            fault = self._phonon.faults.draw(endpoint)
            unread = fault is not None and fault.moment == When.BEFORE_BODY
            body = b"" if unread else await self._body(request)
            arrival = Arrival(
                endpoint=endpoint,
                body=body,
                now=self._clock(),
                source_ip=request.remote or "",
                content_type=request.content_type,
            )
            return await deliver(request, self._phonon.answer(arrival, fault))

        return create

    async def _body(self, request: web.Request) -> bytes:
        # All of it is read, as an answer before the end would reset the client; what is too large is not kept.
        kept = bytearray()
        async for chunk in request.content.iter_any():
            if len(kept) <= self._phonon.settings.max_body_bytes:
                kept += chunk
        return bytes(kept)

    async def _page(self, _request: web.Request) -> web.Response:
        phonon = self._phonon
        html = page(phonon.summary(), phonon.latest(_SHOWN_CALLS), phonon.faults.waiting())
        return web.Response(text=html, content_type="text/html")

    async def _summary(self, _request: web.Request) -> web.Response:
        return _json(self._phonon.summary())

    async def _accepted(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        lines: list[bytes] = []
        for call in self._phonon.accepted():
            lines.append(call.as_json())
            if len(lines) == _LINES_A_WRITE:
                await response.write(b"\n".join(lines) + b"\n")
                lines.clear()
                # A million lines must not hold up the calls that arrive meanwhile.
                await asyncio.sleep(0)
        if lines:
            await response.write(b"\n".join(lines) + b"\n")
        await response.write_eof()
        return response

    async def _reset(self, _request: web.Request) -> web.Response:
        self._phonon.reset()
        return web.Response(status=204)

    async def _waiting_faults(self, _request: web.Request) -> web.Response:
        return _json(self._phonon.faults.waiting())

    async def _inject(self, request: web.Request) -> web.Response:
        try:
            faults = _faults(await request.read())
        except ValidationError as error:
            return _json({"error": _explained(error)}, status=400)
        for fault in faults:
            self._phonon.faults.inject(fault)
        return _json(self._phonon.faults.waiting(), status=201)

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._phonon.faults.clear()
        return web.Response(status=204)


def _faults(body: bytes) -> list[Fault]:
    if body.lstrip().startswith(b"["):
        return _FAULTS.validate_json(body)
    return [_FAULT.validate_json(body)]


def _explained(error: ValidationError) -> str:
    reasons = (": ".join([*map(str, reason["loc"]), reason["msg"]]) for reason in error.errors(include_url=False))
    return f"The fault was not understood and nothing was injected. {'; '.join(reasons)}"


def _json(content: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type=JSON_TYPE)
