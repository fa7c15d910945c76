"""The answers: what a success and a refusal look like, and what a fault makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from simulator.arrival import JSON_TYPE, Delivery, Reply
from simulator.codes import ACCEPTED_MESSAGE, Code, message_of
from simulator.faults import Fault, Kind
from simulator.ids import phonon_uuid
from simulator.rules import Refusal
from simulator.settings import BulkAnswer, Endpoint, Settings

REASON_HEADER = "X-Simulator-Reason"
"""A header the real service does not have: the place and the rule of a refusal, for whoever is debugging."""

_PAGE = "<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Please wait</h1></body></html>"


def accepted(
    endpoint: Endpoint, *, settings: Settings, request_id: str, calls: Sequence[Mapping[str, Any]]
) -> Reply:
    """Return the answer to a request whose calls were all accepted."""
    if endpoint is Endpoint.BULK and settings.bulk_answer is BulkAnswer.ACCEPTED:
        content = _content(Code.INVALID_SECURITY_ID, ACCEPTED_MESSAGE, request_id) | {"call-details": None}
        return _json_reply(202, content)
    if endpoint is Endpoint.BULK and settings.bulk_answer is BulkAnswer.QUEUE:
        return _json_reply(200, _queued(request_id))
    details = _details(request_id, calls, range(len(calls)))
    return _json_reply(200, _content(Code.SUCCESS, None, request_id) | details)


def partly_accepted(
    *, request_id: str, calls: Sequence[Mapping[str, Any]], positions: Sequence[int], status: int | None
) -> Reply:
    """Return code 209, whose ``call-details`` list the calls at ``positions`` (the shape is not documented)."""
    details = _details(request_id, calls, positions)
    return _json_reply(status or 200, _content(Code.PARTIAL_SUCCESS, None, request_id) | details)


def refused(refusal: Refusal, *, settings: Settings, request_id: str) -> Reply:
    """Return the answer to a request that is refused whole."""
    shown_id = request_id if settings.refusals_carry_request_id else None
    reply = _json_reply(settings.refusal_status, _content(refusal.code, None, shown_id))
    return replace(reply, headers={**reply.headers, REASON_HEADER: refusal.why})


def too_many(wait_microseconds: int, settings: Settings) -> Reply:
    """Return the answer above the limit (not documented): 429, which may tell when there is room."""
    headers = {"Content-Type": "text/plain"}
    if settings.send_retry_after:
        headers["Retry-After"] = str(math.ceil(wait_microseconds / 1_000_000))
    return Reply(status=429, headers=headers, body=b"Too Many Requests")


def bare(status: int) -> Reply:
    """Return an answer that has a status and nothing else."""
    return Reply(status=status)


def spoiled(fault: Fault, reply: Reply, *, settings: Settings, request_id: str) -> Reply:
    """Return what a fault makes of the answer that there would have been."""
    match fault.kind:
        case Kind.CODE:
            return _coded(fault, settings, request_id)
        case Kind.STATUS | Kind.HTML | Kind.EMPTY:
            return _foreign(fault)
        case _:
            return _mistreated(fault, reply)


def _mistreated(fault: Fault, reply: Reply) -> Reply:
    match fault.kind:
        case Kind.NO_ANSWER:
            return replace(reply, delivery=Delivery.NEVER)
        case Kind.RESET:
            return replace(reply, delivery=Delivery.RESET)
        case Kind.HALF_ANSWER if fault.announce_whole:
            return replace(reply, delivery=Delivery.CUT)
        case Kind.HALF_ANSWER:
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case Kind.SLOW:
            return replace(reply, delay_seconds=reply.delay_seconds + (fault.seconds or 0.0))
        case _:
            return reply


def _coded(fault: Fault, settings: Settings, request_id: str) -> Reply:
    shown_id = request_id if settings.refusals_carry_request_id or fault.accept else None
    content = _content(Code.FAILURE if fault.code is None else fault.code, fault.message, shown_id)
    return _json_reply(fault.status or settings.refusal_status, content)


def _foreign(fault: Fault) -> Reply:
    body, content_type = fault.body or "", fault.content_type
    if fault.kind == Kind.HTML:
        body, content_type = fault.body or _PAGE, "text/html"
    headers = {"Content-Type": content_type, **fault.headers} if body else dict(fault.headers)
    return Reply(status=fault.status or 200, headers=headers, body=body.encode())


def _content(code: int, message: str | None, request_id: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "api-response-code": int(code),
        "api-response-message": message_of(code) if message is None else message,
    }
    return content if request_id is None else content | {"request-id": request_id}


def _details(
    request_id: str, calls: Sequence[Mapping[str, Any]], positions: Sequence[int]
) -> dict[str, list[dict[str, str]]]:
    return {
        "call-details": [
            {
                "client-identifier": calls[position]["client-identifier"],
                "phonon-uuid": phonon_uuid(request_id, position),
            }
            for position in positions
        ]
    }


def _queued(request_id: str) -> dict[str, Any]:
    return {
        "SendMessageResponse": {
            "SendMessageResult": {"MessageId": phonon_uuid(request_id, 0)},
            "ResponseMetadata": {"RequestId": request_id},
        }
    }


def _json_reply(status: int, content: Mapping[str, Any]) -> Reply:
    code = content.get("api-response-code")
    return Reply(
        status=status,
        headers={"Content-Type": JSON_TYPE},
        body=orjson.dumps(content),
        code="" if code is None else f"{code} {content['api-response-message']}",
    )
