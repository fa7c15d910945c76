"""For every code that stops a run: what its message says to do is done, and the calls go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.desk import PEOPLE, SECURITY_ID, Desk
from phonon.api.codes import ACCOUNT_CODES, CONFIGURATION_CODES, CURE, Code
from simulator import Fault, Kind

_OTHER = "Yx88" * 16


def _at_phonon(desk: Desk) -> None:
    """What only Phonon or somebody at its desk can change."""
    desk.phonon.clear_faults()


def _password(desk: Desk) -> None:
    desk.phonon.clear_faults()
    desk.connect_phonon(SECURITY_ID)


def _api_version(desk: Desk) -> None:
    desk.phonon.clear_faults()
    desk.connect_phonon(api_version="1.0")


@dataclass(frozen=True)
class Remedy:
    """What the message says, who does it, and the keys that the campaign has before and after."""

    words: str
    act: Callable[[Desk], None] = _at_phonon
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    set_up: Callable[[Desk], None] = lambda _: None


REMEDIES: dict[Code, Remedy] = {
    Code.ACCEPTED_OR_INVALID_SECURITY_ID: Remedy(
        "into the password of the connection", _password, set_up=lambda desk: desk.connect_phonon(_OTHER)
    ),
    Code.INVALID_API_VERSION: Remedy(
        "set api_version in the connection's extra to 1.0",
        _api_version,
        set_up=lambda desk: desk.connect_phonon(api_version="TEST"),
    ),
    Code.INVALID_GATEWAY_ID: Remedy("ask Phonon to check the SMS gateway of the flow"),
    Code.DID_NOT_MAPPED: Remedy("map a DID to the flow in Phonon"),
    Code.VALIDITY_EXPIRED: Remedy("renew the validity of the Phonon account"),
    Code.INSUFFICIENT_BALANCE: Remedy("top up the balance of the Phonon account"),
    Code.NO_DATA_AVAILABLE: Remedy("ask Phonon why the flow has no data"),
    Code.INVALID_FLOW_ID: Remedy(
        "set flow_id to the id of the flow's edit page",
        before={"flow_id": "wrongAAA"},
        after={"flow_id": "rightBBB"},
    ),
    Code.EMPTY_CALL_LIST: Remedy("report this as a bug"),
    Code.INVALID_FLOW_VERSION: Remedy("publish a version of the flow in Phonon"),
    Code.IP_NOT_WHITELISTED: Remedy("have Phonon whitelist the egress IP of the Airflow workers"),
}


def test_every_code_that_stops_a_run_has_a_remedy_that_is_tried() -> None:
    assert set(REMEDIES) == set(CURE) == ACCOUNT_CODES | CONFIGURATION_CODES


@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
@pytest.mark.parametrize("code", REMEDIES, ids=lambda code: str(int(code)))
def test_what_the_message_says_sends_the_calls(desk: Desk, code: Code, endpoint: str) -> None:
    remedy = REMEDIES[code]
    remedy.set_up(desk)
    message = "Invalid Security-ID" if code is Code.ACCEPTED_OR_INVALID_SECURITY_ID else None
    desk.phonon.inject(Fault(Kind.CODE, code=int(code), message=message, times=None))
    with pytest.raises(AirflowFailException) as told:
        desk.outbound(endpoint=endpoint, **remedy.before)
    assert remedy.words in str(told.value)
    assert f"{PEOPLE} calls are pending" in str(told.value)
    with pytest.raises(AirflowFailException):  # to clear it before anything was done changes nothing
        desk.outbound(endpoint=endpoint, **remedy.before)
    remedy.act(desk)
    desk.outbound(endpoint=endpoint, **remedy.after)
    assert desk.statuses() == {"accepted": PEOPLE}
    assert set(desk.accepted().values()) == {1}
    assert {call.api_version for call in desk.phonon.accepted()} == {"1.0"}
    assert {call.flow_id for call in desk.phonon.accepted()} == {remedy.after.get("flow_id", "abcdEF12")}
