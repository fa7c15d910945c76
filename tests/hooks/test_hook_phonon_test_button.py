"""The "Test" button of the connection form: connects, and never sends a request."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

from api.certificates import certified
from api.raw_server import Visit, serving
from phonon.hooks.phonon import PhononHook
from simulator.running import Handle

HookOf = Callable[..., PhononHook]


def test_it_connects_and_the_standin_sees_no_request(hook_of: HookOf, phonon: Handle) -> None:
    worked, text = hook_of().test_connection()
    assert worked
    assert "both addresses can be connected to. No request was sent." in text
    assert phonon.summary()["requests"] == 0


def test_it_writes_no_byte(hook_of: HookOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        worked, _ = hook_of(bulk_url=f"{base}/bulk", realtime_url=f"{base}/realtime").test_connection()
        received = []
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(65_536))
    assert worked
    assert received == [b"", b""]


def test_it_shakes_hands_over_tls_with_the_connections_ca_bundle_and_sends_no_head(
    hook_of: HookOf, tmp_path: Path
) -> None:
    certificate = certified(tmp_path, host="127.0.0.1")

    def listen(visit: Visit) -> None:
        visit.head()

    with serving(listen, context=certificate.context) as server:
        urls = {"bulk_url": server.url, "realtime_url": server.url}
        trusted = hook_of(**urls, verify=certificate.bundle).test_connection()
        stranger = hook_of(**urls).test_connection()
        server.await_visits()
    assert server.heads == []
    assert trusted[0]
    assert not stranger[0]
    assert "the certificate of Phonon is not trusted" in stranger[1]


def test_it_names_the_address_that_refuses(hook_of: HookOf, phonon: Handle, refusing_port: int) -> None:
    worked, text = hook_of(bulk_url=f"http://127.0.0.1:{refusing_port}/create").test_connection()
    assert not worked
    assert f"127.0.0.1:{refusing_port} could not be connected to: Phonon refused the connection: check" in text
    assert text.count("could not be connected to") == 1
    assert phonon.summary()["requests"] == 0


def test_a_name_that_no_host_can_have_is_told_like_any_other(hook_of: HookOf) -> None:
    worked, text = hook_of(bulk_url=f"https://{'x' * 64}.example.com/create").test_connection()
    assert not worked
    assert "could not be connected to" in text


def test_a_bad_connection_is_told_instead(hook_of: HookOf) -> None:
    worked, text = hook_of(password="short").test_connection()
    assert not worked
    assert "64 letters and digits" in text
    assert "has 5 characters" in text
    assert "phonon_default" not in text
    assert re.search("(?i)this connection", text)


def test_through_a_proxy_only_the_proxy_is_tried_and_the_text_says_so(hook_of: HookOf, phonon: Handle) -> None:
    worked, text = hook_of(
        bulk_url="https://central-api.invalid/create",
        realtime_url="https://central.invalid/create",
        proxy=phonon.url,
    ).test_connection()
    assert worked
    assert "its proxy can be connected to" in text
    assert phonon.summary()["requests"] == 0
