"""How an answer travels back over a real socket, or does not."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import NoReturn

from aiohttp import web

from simulator.arrival import Delivery, Reply

_LINGER_ZERO = struct.pack("ii", 1, 0)


async def deliver(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Send an answer as its ``delivery`` says; a lost one ends with the connection."""
    if reply.delay_seconds:
        await asyncio.sleep(reply.delay_seconds)
    match reply.delivery:
        case Delivery.WHOLE:
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        case Delivery.CUT:
            return await _half(request, reply)
        case Delivery.NEVER:
            return await _until_gone()
        case Delivery.RESET:
            return await _reset(request)


async def _half(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _reset(request: web.Request) -> NoReturn:
    transport = request.transport
    if transport is not None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            # With a linger time of zero the kernel sends RST in place of FIN.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    await _until_gone()


async def _until_gone() -> NoReturn:
    # The server cancels a handler whose client has gone, so this never outlives its connection.
    while True:
        await asyncio.Event().wait()
