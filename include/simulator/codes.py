"""The response codes of the Phonon outbound API and their messages, as in its documentation."""

from __future__ import annotations

from enum import IntEnum

ACCEPTED_MESSAGE = "Accepted"
"""With code 202 on bulk: a success. With any other message, 202 is an invalid security-id."""


class Code(IntEnum):
    """``api-response-code``."""

    SUCCESS = 200
    CHECKSUM_REPEATED = 201
    INVALID_SECURITY_ID = 202
    INVALID_API_VERSION = 203
    INVALID_GATEWAY_ID = 204
    INVALID_CONTACT_NUMBER = 205
    FAILURE_FROM_GATEWAY = 206
    DID_NOT_MAPPED = 207
    NO_MASK_AVAILABLE = 208
    PARTIAL_SUCCESS = 209
    INVALID_MANDATORY_PARAMETERS = 210
    VALIDITY_EXPIRED = 211
    INSUFFICIENT_BALANCE = 212
    NO_DATA_AVAILABLE = 213
    INVALID_FLOW_ID = 301
    EMPTY_CALL_LIST = 302
    MAX_DATA_LIST_SIZE_EXCEEDED = 303
    INVALID_FLOW_VERSION = 304
    INVALID_FORMAT = 400
    IP_NOT_WHITELISTED = 401
    PHONE_NOT_WHITELISTED = 402
    FAILURE = 500


_MESSAGES = {
    Code.SUCCESS: "Success",
    Code.CHECKSUM_REPEATED: "Checksum Repeated",
    Code.INVALID_SECURITY_ID: "Invalid Security ID",
    Code.INVALID_API_VERSION: "API Version not Supported",
    Code.INVALID_GATEWAY_ID: "Invalid SMS Gateway",
    Code.INVALID_CONTACT_NUMBER: "Invalid Contact Number",
    Code.FAILURE_FROM_GATEWAY: "Failure from Gateway",
    Code.DID_NOT_MAPPED: "DID Not Mapped",
    Code.NO_MASK_AVAILABLE: "No Mask Available",
    Code.PARTIAL_SUCCESS: "Partial Success",
    Code.INVALID_MANDATORY_PARAMETERS: "Invalid Mandatory Parameters",
    Code.VALIDITY_EXPIRED: "Validity Expired",
    Code.INSUFFICIENT_BALANCE: "Insufficient Balance",
    Code.NO_DATA_AVAILABLE: "No Data Available",
    Code.INVALID_FLOW_ID: "Invalid Flow ID",
    Code.EMPTY_CALL_LIST: "Empty Call List",
    Code.MAX_DATA_LIST_SIZE_EXCEEDED: "Max Data List Size Exceeded",
    Code.INVALID_FLOW_VERSION: "Invalid Flow Version",
    Code.INVALID_FORMAT: "Invalid Format",
    Code.IP_NOT_WHITELISTED: "IP Not Whitelisted",
    Code.PHONE_NOT_WHITELISTED: "Phone Not Whitelisted",
    Code.FAILURE: "Failure",
}


def message_of(code: int) -> str:
    """Return the documented message of a code; ``Unknown`` for one that the documentation does not have."""
    return _MESSAGES[Code(code)] if code in _MESSAGES else "Unknown"
