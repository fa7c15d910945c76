"""The lease of a send: whoever finds it ended may rely on the send having ended before."""

from __future__ import annotations

from contextlib import closing

import pytest
import requests

from phonon.api.endpoints import Endpoint
from phonon.api.transport import Timeout, Transport
from phonon.dispatch.flights import Flights
from phonon.dispatch.process import START_SECONDS


@pytest.mark.parametrize("timeout", [Timeout(), Timeout(connect=2, read=3), Timeout(connect=600, read=600)])
def test_a_lease_outlasts_a_send_that_starts_as_late_and_takes_as_long_as_it_may(timeout: Timeout) -> None:
    urls = dict.fromkeys(Endpoint, "http://127.0.0.1:9/")
    with closing(Flights(Transport(requests.Session(), urls, timeout), max_in_flight=1)) as flights:
        assert flights.lease_seconds > START_SECONDS + timeout.connect + timeout.read
