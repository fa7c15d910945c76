"""A Phonon that refuses or cannot be reached: the run stops, says what to do, and the same run can be finished."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from closed_port import closed_port
from operators.desk import PEOPLE, Desk, leaked
from phonon.operators.context import PhononTaskError
from simulator import Fault, Kind

REFUSALS = [
    pytest.param(
        Fault(Kind.CODE, code=401), "fix_configuration", ["IP Not Whitelisted", "whitelist the egress IP"], id="401"
    ),
    pytest.param(
        Fault(Kind.STATUS, status=403, body=""),
        "fix_configuration",
        ["HTTP 403", "whitelist the egress IP"],
        id="HTTP 403 without a body",
    ),
    pytest.param(Fault(Kind.CODE, code=212), "top_up", ["Insufficient Balance", "top up the balance"], id="212"),
    pytest.param(
        Fault(Kind.CODE, code=202, message="Invalid Security ID"),
        "fix_configuration",
        ["Invalid Security ID", "password of the connection", "'phonon_default'"],
        id="202",
    ),
    pytest.param(Fault(Kind.CODE, code=301), "fix_configuration", ["Invalid Flow ID", "set flow_id"], id="301"),
]


@pytest.mark.parametrize(("fault", "outcome", "parts"), REFUSALS)
def test_a_refusal_stops_with_what_to_do_and_clearing_sends_the_rest(
    desk: Desk, fault: Fault, outcome: str, parts: list[str]
) -> None:
    desk.phonon.inject(fault)
    with pytest.raises(AirflowFailException) as told:
        desk.outbound()
    text = str(told.value)
    wanted = [*parts, f"{PEOPLE} calls are pending", "clear calls: that sends those and only those"]
    assert [part for part in wanted if part not in text] == []
    assert leaked(text) == []
    assert desk.phonon.summary()["accepted_calls"] == 0
    assert desk.statuses() == {"pending": PEOPLE}
    assert desk.sql("SELECT outcome FROM phonon_campaign_runs") == [(outcome,)]
    desk.assert_everybody_is_called_once()


def test_clearing_after_a_refusal_sends_what_is_pending_and_no_more(desk: Desk) -> None:
    keys = {"contacts": "SELECT id, mobile, repeat('x', 100000) AS name FROM people"}  # two calls in a request
    desk.phonon.inject(Fault(Kind.CODE, code=212, skip=2))
    with pytest.raises(AirflowFailException, match=r"calls are pending"):
        desk.outbound(**keys)
    accepted = desk.accepted()
    assert 0 < len(accepted) < PEOPLE
    assert desk.statuses() == {"accepted": len(accepted), "pending": PEOPLE - len(accepted)}
    desk.assert_everybody_is_called_once()


def test_an_unreachable_phonon_is_said_in_plain_words_and_nothing_is_sent(desk: Desk) -> None:
    with closed_port() as port:
        desk.connect_phonon(bulk_url=f"http://127.0.0.1:{port}/create")
        with pytest.raises(PhononTaskError) as told:
            desk.outbound()
    parts = [
        f"nothing was sent to http://127.0.0.1:{port}/create",
        "could not be reached: Phonon refused the connection: check host and port",
        "bulk_url, proxy",
        "'phonon_default'",
    ]
    parts += [f"{PEOPLE} calls are pending"]
    assert [part for part in parts if part not in str(told.value)] == []
    assert desk.phonon.summary()["requests"] == 0
    assert desk.statuses() == {"pending": PEOPLE}
    report = desk.xcoms["return_value"]
    assert (report["by_status"], report["stop"], report["message"]) == ({"pending": PEOPLE}, None, str(told.value))
    desk.mend()
    desk.assert_everybody_is_called_once()
