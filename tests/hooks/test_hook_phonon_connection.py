"""How PhononHook reads its connection, and what its session is like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from requests_toolbelt.adapters.socket_options import TCPKeepAliveAdapter

from phonon.api.endpoints import Endpoint
from phonon.errors import ConfigurationError
from phonon.hooks.phonon import OutboundCall, PhononHook
from simulator.running import Handle

HookOf = Callable[..., PhononHook]
SECURITY_ID = "Wv65" * 16


def test_the_settings_are_those_of_the_connection(hook_of: HookOf, phonon: Handle) -> None:
    settings = hook_of(bulk_per_minute=1200, limit_unit="requests", max_in_flight=3).settings
    assert settings.security_id == SECURITY_ID
    assert settings.urls[Endpoint.BULK] == phonon.bulk_url
    assert settings.per_minute == {Endpoint.BULK: 1200, Endpoint.REALTIME: 500}
    assert (settings.counts_requests, settings.max_in_flight) == (True, 3)


def test_a_connection_may_be_a_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"phonon://:{SECURITY_ID}@/?realtime_per_minute=30&api_version=TEST"
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_DEFAULT", uri)
    settings = PhononHook().settings
    assert (settings.security_id, settings.api_version) == (SECURITY_ID, "TEST")
    assert settings.per_minute[Endpoint.REALTIME] == 30


def test_a_connection_that_is_not_there_says_how_to_make_it() -> None:
    with pytest.raises(ConfigurationError) as told:
        _ = PhononHook("phonon_other").settings
    parts = [
        "no connection 'phonon_other' for Phonon",
        "Admin > Connections",
        "AIRFLOW_CONN_PHONON_OTHER",
        "phonon",
    ]
    assert [part for part in parts if part not in str(told.value)] == []
    assert told.value.__suppress_context__


def test_the_session_takes_proxy_and_certificates_from_the_connection_alone(
    hook_of: HookOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("", encoding="utf-8")
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example.com:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/other.pem")
    session = hook_of(proxy="http://proxy.example.com:3128", verify=str(bundle), max_in_flight=7).get_conn()
    url = "https://central.phonon.io/"
    settings = session.merge_environment_settings(url, {}, None, None, None)
    assert session.trust_env is False
    assert settings["verify"] == str(bundle)
    assert settings["proxies"]["https"] == "http://proxy.example.com:3128"
    assert isinstance(session.get_adapter(url), TCPKeepAliveAdapter)


def test_the_session_verifies_and_has_no_proxy_unless_the_connection_says_so(
    hook_of: HookOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example.com:3128")
    session = hook_of().get_conn()
    settings = session.merge_environment_settings("https://central.phonon.io/", {}, None, None, None)
    assert (settings["verify"], dict(settings["proxies"])) == (True, {})


def test_no_secret_is_in_a_repr_or_in_the_log(
    hook_of: HookOf, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    hook = hook_of()
    call = OutboundCall("call-1", ["919999912345"], {"Name": "Asha"})
    result = hook.create_calls(flow_id="abcdEF12", calls=[call])
    shown = f"{hook!r} {hook.settings!r} {call!r} {result!r} {hook.get_conn()!r} {hook.transport()!r}"
    logged = caplog.text + "".join(capfd.readouterr())
    assert "POST /realtime" in logged
    for secret in (SECURITY_ID, "919999912345", "Asha"):
        assert secret not in shown
        assert secret not in logged


@pytest.mark.parametrize("extra", ["not json", "[1]", '"text"', "3"])
def test_an_extra_that_is_no_json_object_is_refused(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "phonon", "password": SECURITY_ID, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_PHONON_DEFAULT", json.dumps(connection))
    with pytest.raises(ConfigurationError, match=r"'phonon_default': its extra is not a JSON object") as told:
        _ = PhononHook().settings
    assert SECURITY_ID not in str(told.value)
