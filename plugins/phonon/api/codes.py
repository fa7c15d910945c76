"""The response codes in the body of an answer (Phonon outbound API, answer)."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """``api-response-code``. Codes 201 to 213 look like HTTP successes and are refusals."""

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
    TOO_MANY_REQUESTS = 429
    """Not in the vendor's list: what HTTP says above a limit, in case the body says it as well."""
    FAILURE = 500


ACCOUNT_CODES = frozenset({Code.VALIDITY_EXPIRED, Code.INSUFFICIENT_BALANCE})
"""The account cannot pay: a person tops it up."""

CONFIGURATION_CODES = frozenset(
    {
        Code.INVALID_SECURITY_ID,
        Code.INVALID_API_VERSION,
        Code.INVALID_GATEWAY_ID,
        Code.DID_NOT_MAPPED,
        Code.NO_DATA_AVAILABLE,
        Code.INVALID_FLOW_ID,
        Code.EMPTY_CALL_LIST,
        Code.INVALID_FLOW_VERSION,
        Code.IP_NOT_WHITELISTED,
    }
)
"""Something is set up wrong: every batch would be refused in the same way."""

DATA_CODES = frozenset(
    {
        Code.INVALID_CONTACT_NUMBER,
        Code.INVALID_MANDATORY_PARAMETERS,
        Code.INVALID_FORMAT,
        Code.PHONE_NOT_WHITELISTED,
    }
)
"""Some call in the batch is bad, and the answer does not say which."""

CURE = {
    Code.INVALID_SECURITY_ID: "put the security-id of the flow's edit page into the password of the connection",
    Code.INVALID_API_VERSION: "set api_version in the connection's extra to 1.0",
    Code.INVALID_GATEWAY_ID: "ask Phonon to check the SMS gateway of the flow",
    Code.DID_NOT_MAPPED: "map a DID to the flow in Phonon",
    Code.VALIDITY_EXPIRED: "renew the validity of the Phonon account",
    Code.INSUFFICIENT_BALANCE: "top up the balance of the Phonon account",
    Code.NO_DATA_AVAILABLE: "ask Phonon why the flow has no data",
    Code.INVALID_FLOW_ID: "set flow_id to the id of the flow's edit page",
    Code.EMPTY_CALL_LIST: "report this as a bug: an empty batch was sent",
    Code.INVALID_FLOW_VERSION: "publish a version of the flow in Phonon",
    Code.IP_NOT_WHITELISTED: "have Phonon whitelist the egress IP of the Airflow workers",
}
"""What a person does about a code that stops a run."""
