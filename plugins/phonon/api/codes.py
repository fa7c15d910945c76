"""The response codes in the body of an answer (Phonon outbound API, answer)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, IntEnum
from typing import Self


class Means(Enum):
    """What a code says of the request that it answers, whichever endpoint it came from."""

    ACCEPTED = "all calls are accepted"
    PARTIAL = "the listed calls are accepted"
    REPEATED = "these bytes were received before"
    BAD_CALL = "some call is bad, and the answer does not say which"
    TOO_MANY_CALLS = "a smaller request would do"
    ACCOUNT = "the account cannot pay: a person tops it up"
    CONFIGURATION = "something is set up wrong: every batch would be refused in the same way"
    PASSING = "refused for a reason that passes"
    FAILED = "failed, perhaps not wholly"
    TOO_FAST = "above the limit"


class Code(IntEnum):
    """``api-response-code``, with its meaning. Codes 201 to 213 look like HTTP successes and are refusals."""

    _value_: int
    means: Means

    def __new__(cls, number: int, means: Means | None = None) -> Self:
        """Make a member that is its number and knows its meaning. Without one it is only looked up."""
        if means is None:
            raise TypeError(f"Code {number} has no meaning.")
        member = int.__new__(cls, number)
        member._value_ = number
        member.means = means
        return member

    SUCCESS = 200, Means.ACCEPTED
    CHECKSUM_REPEATED = 201, Means.REPEATED
    ACCEPTED_OR_INVALID_SECURITY_ID = 202, Means.CONFIGURATION
    """"Accepted" on bulk, with that message and a request-id; else "Invalid Security ID"."""
    INVALID_API_VERSION = 203, Means.CONFIGURATION
    INVALID_GATEWAY_ID = 204, Means.CONFIGURATION
    INVALID_CONTACT_NUMBER = 205, Means.BAD_CALL
    FAILURE_FROM_GATEWAY = 206, Means.FAILED
    DID_NOT_MAPPED = 207, Means.CONFIGURATION
    NO_MASK_AVAILABLE = 208, Means.PASSING
    PARTIAL_SUCCESS = 209, Means.PARTIAL
    INVALID_MANDATORY_PARAMETERS = 210, Means.BAD_CALL
    VALIDITY_EXPIRED = 211, Means.ACCOUNT
    INSUFFICIENT_BALANCE = 212, Means.ACCOUNT
    NO_DATA_AVAILABLE = 213, Means.CONFIGURATION
    INVALID_FLOW_ID = 301, Means.CONFIGURATION
    EMPTY_CALL_LIST = 302, Means.CONFIGURATION
    MAX_DATA_LIST_SIZE_EXCEEDED = 303, Means.TOO_MANY_CALLS
    INVALID_FLOW_VERSION = 304, Means.CONFIGURATION
    INVALID_FORMAT = 400, Means.BAD_CALL
    IP_NOT_WHITELISTED = 401, Means.CONFIGURATION
    PHONE_NOT_WHITELISTED = 402, Means.BAD_CALL
    TOO_MANY_REQUESTS = 429, Means.TOO_FAST
    """Not in the vendor's list: what HTTP says above a limit, in case the body says it as well."""
    FAILURE = 500, Means.FAILED


def codes_of(*meanings: Means) -> frozenset[Code]:
    """All codes of some meanings."""
    return frozenset(code for code in Code if code.means in meanings)


def listed(codes: Iterable[Code]) -> str:
    """Codes as a label has them: ``211, 212``."""
    return ", ".join(str(code.value) for code in sorted(codes))


ACCOUNT_CODES = codes_of(Means.ACCOUNT)
CONFIGURATION_CODES = codes_of(Means.CONFIGURATION)

CURE = {
    Code.ACCEPTED_OR_INVALID_SECURITY_ID: (
        "put the security-id of the flow's edit page into the password of the connection"
    ),
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
