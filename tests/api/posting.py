"""Posting one body, and the servers that answer it."""

from __future__ import annotations

import hashlib
import random
import ssl
from typing import Protocol

import orjson
import requests

from api.raw_server import Behaviour, RawServer, Visit, http
from phonon.api.answer import Answer
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Exchange, Timeout, Transport

SECRET = "".join(random.Random(5).choices("ABCDEFGHabcdefgh0123456789", k=64))
BODY = orjson.dumps({"security-id": SECRET, "calls": [{"contact-numbers": ["919999900001"]}], "pad": "आ" * 80_000})
SUCCESS = b'{"api-response-code": 200, "api-response-message": "Success"}'
PATIENT = Timeout(connect=5, read=10)
HASTY = Timeout(connect=5, read=0.3)


class Serve(Protocol):
    """Starts a server with a behaviour, over TLS if it gets a context; it is stopped when the test ends."""

    def __call__(self, behaviour: Behaviour, context: ssl.SSLContext | None = None) -> RawServer: ...


def sender(url: str, timeout: Timeout = PATIENT) -> Transport:
    session = requests.Session()
    session.trust_env = False
    return Transport(session, dict.fromkeys(Endpoint, url), timeout)


def post(url: str, timeout: Timeout = PATIENT, body: bytes = BODY) -> Exchange:
    transport = sender(url, timeout)
    try:
        return transport.post(Endpoint.BULK, body, may_start=lambda: True)
    finally:
        transport.close()


def echo(visit: Visit) -> None:
    """Answer with a request-id that only the right request can expect."""
    while (body := visit.request()) is not None:
        visit.send(http("200 OK", success_for(body)))


def success_for(body: bytes) -> bytes:
    return orjson.dumps({"api-response-code": 200, "request-id": hashlib.sha256(body).hexdigest()})


def is_answer_to(body: bytes, exchange: Exchange) -> bool:
    return isinstance(exchange, Answer) and exchange.request_id == hashlib.sha256(body).hexdigest()


def answer_and_close(answer: bytes) -> Behaviour:
    def behave(visit: Visit) -> None:
        visit.request()
        visit.send(answer)

    return behave
