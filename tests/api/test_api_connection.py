"""The content of a Phonon connection: every key, good and bad."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.api.connection import ConnectionSettings, read_connection
from phonon.api.endpoints import Endpoint
from phonon.api.transport import Timeout
from phonon.errors import ConfigurationError

SECURITY_ID = "".join(random.Random(3).choices("ABCDEFGHabcdefgh0123456789", k=64))
PROXY_PASSWORD = "".join(random.Random(4).choices("abcdefgh", k=12))
VENDOR_BULK = "https://central-api.phonon.io/kairos-apis/outbound/create"
VENDOR_REALTIME = "https://central.phonon.io/kairos-apis/outbound/create"
KEYS = [
    "bulk_url",
    "realtime_url",
    "api_version",
    "limit_unit",
    "bulk_per_minute",
    "realtime_per_minute",
    "max_in_flight",
    "timeout",
    "verify",
    "proxy",
]


def read(**extra: Any) -> ConnectionSettings:
    return read_connection("phonon_default", SECURITY_ID, extra)


def refusal(**extra: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(**extra)
    return str(caught.value)


def test_an_empty_extra_means_what_the_vendor_documents() -> None:
    assert read() == ConnectionSettings(
        security_id=SECURITY_ID,
        urls={Endpoint.BULK: VENDOR_BULK, Endpoint.REALTIME: VENDOR_REALTIME},
        per_minute={Endpoint.BULK: 30_000, Endpoint.REALTIME: 500},
        api_version="1.0",
        counts_requests=False,
        max_in_flight=16,
        timeout=Timeout(connect=10, read=60),
        verify=True,
        proxy=None,
    )


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("empty", [None, ""])
def test_a_field_that_the_form_leaves_empty_means_its_default(key: str, empty: object) -> None:
    assert read(**{key: empty}) == read()


@pytest.mark.parametrize(
    ("key", "value", "name", "expected"),
    [
        ("api_version", "1.0", "api_version", "1.0"),
        ("api_version", "TEST", "api_version", "TEST"),
        ("limit_unit", "calls", "counts_requests", False),
        ("limit_unit", "requests", "counts_requests", True),
        ("max_in_flight", 1, "max_in_flight", 1),
        ("max_in_flight", 256, "max_in_flight", 256),
        ("max_in_flight", " 32 ", "max_in_flight", 32),
        ("timeout", 30, "timeout", Timeout(10, 30)),
        ("timeout", 0.5, "timeout", Timeout(10, 0.5)),
        ("timeout", "30", "timeout", Timeout(10, 30)),
        ("timeout", 600, "timeout", Timeout(10, 600)),
        ("timeout", {"connect": 5, "read": 30}, "timeout", Timeout(5, 30)),
        ("timeout", {"connect": "5"}, "timeout", Timeout(5, 60)),
        ("timeout", {"read": 30}, "timeout", Timeout(10, 30)),
        ("timeout", {}, "timeout", Timeout(10, 60)),
        ("timeout", [5, 30], "timeout", Timeout(5, 30)),
        ("verify", True, "verify", True),
        ("verify", "true", "verify", True),
        ("proxy", "http://proxy.example.com:3128", "proxy", "http://proxy.example.com:3128"),
        ("proxy", "https://proxy.example.com", "proxy", "https://proxy.example.com"),
    ],
)
def test_a_good_value_is_taken(key: str, value: object, name: str, expected: object) -> None:
    assert getattr(read(**{key: value}), name) == expected


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize(
    "url",
    [
        "https://phonon.example.com/outbound/create",
        "https://phonon.example.com:8443/outbound/create",
        "https://10.0.0.7/outbound/create",
        "http://127.0.0.1:8081/bulk/create",
        "http://localhost:8081/bulk/create",
        "http://LOCALHOST/bulk/create",
        "http://[::1]:8081/bulk/create",
    ],
)
def test_a_whole_url_is_taken_for_its_endpoint_only(endpoint: Endpoint, url: str) -> None:
    assert read(**{f"{endpoint}_url": url}).urls == {**read().urls, endpoint: url}


@pytest.mark.parametrize("key", ["bulk_url", "realtime_url"])
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("central.phonon.io/outbound/create", "the whole URL"),
        ("/outbound/create", "the whole URL"),
        ("ftp://phonon.example.com/create", "the whole URL"),
        ("https://", "the whole URL"),
        ("https:///create", "the whole URL"),
        ("https://phonon.example.com:port/create", "the whole URL"),
        ("https://phonon.example.com:70000/create", "the whole URL"),
        ("https://[::1/create", "the whole URL"),
        ("https://[nonsense]/create", "the whole URL"),
        (17, "the whole URL"),
        (["https://phonon.example.com/create"], "the whole URL"),
        ("https://user@phonon.example.com/create", "without user, password or query"),
        ("https://user:word@phonon.example.com/create", "without user, password or query"),
        ("https://phonon.example.com/create?key=1", "without user, password or query"),
        ("http://phonon.example.com/create", "an https:// URL"),
        ("http://10.0.0.7/create", "an https:// URL"),
        ("http://127.0.0.1.example.com/create", "an https:// URL"),
        ("http://0.0.0.0/create", "an https:// URL"),
    ],
)
def test_a_bad_url_is_refused_by_its_key(key: str, url: object, expected: str) -> None:
    message = refusal(**{key: url})
    assert f"{key} in its extra must be" in message
    assert expected in message


@pytest.mark.parametrize(
    ("key", "endpoint"), [("bulk_per_minute", Endpoint.BULK), ("realtime_per_minute", Endpoint.REALTIME)]
)
@pytest.mark.parametrize(("value", "expected"), [(1, 1), (3000, 3000), ("3000", 3000), (" 3000 ", 3000)])
def test_a_limit_is_a_whole_number_as_number_or_text(
    key: str, endpoint: Endpoint, value: object, expected: int
) -> None:
    assert read(**{key: value}).per_minute == {**read().per_minute, endpoint: expected}


@pytest.mark.parametrize("key", ["bulk_per_minute", "realtime_per_minute", "max_in_flight"])
@pytest.mark.parametrize(
    "value",
    [0, -1, "0", "-1", 1.5, "1.5", 30.0, True, False, "many", "²", "٣", [1], {"calls": 1}, 10**10, "9" * 5000],
)
def test_what_is_no_whole_number_is_refused_by_its_key(key: str, value: object) -> None:
    assert f"{key} in its extra must be a whole number from 1 to" in refusal(**{key: value})


def test_more_than_256_requests_in_flight_are_refused() -> None:
    assert "max_in_flight in its extra must be a whole number from 1 to 256" in refusal(max_in_flight=257)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("api_version", "2.0", "'1.0' or 'TEST'"),
        ("api_version", "test", "'1.0' or 'TEST'"),
        ("api_version", 1.0, "'1.0' or 'TEST'"),
        ("api_version", ["1.0"], "'1.0' or 'TEST'"),
        ("limit_unit", "call", "'calls' or 'requests'"),
        ("limit_unit", "Requests", "'calls' or 'requests'"),
        ("limit_unit", 1, "'calls' or 'requests'"),
    ],
)
def test_what_is_none_of_the_choices_is_refused_with_them(key: str, value: object, expected: str) -> None:
    assert f"{key} in its extra must be {expected}" in refusal(**{key: value})


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        601,
        "soon",
        True,
        False,
        float("nan"),
        float("inf"),
        10**400,
        [],
        [10],
        [10, 20, 30],
        [10, None],
        {"total": 60},
        {"connect": 0},
        {"read": None},
        {"read": True},
        {"read": [60]},
    ],
)
def test_a_timeout_that_is_no_sensible_time_is_refused(value: object) -> None:
    message = refusal(timeout=value)
    assert "timeout in its extra must be seconds" in message
    assert '{"connect": 10, "read": 60}' in message


def test_a_ca_bundle_that_exists_is_taken(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificates")
    assert read(verify=str(bundle)).verify == str(bundle)


@pytest.mark.parametrize("value", [False, 0, 1, "false", "False", "FALSE", [], ["ca.pem"], {}])
def test_turning_verification_off_is_refused_with_the_reason(value: object) -> None:
    message = refusal(verify=value)
    assert "verify in its extra must be true or the path of a CA bundle, never false" in message
    assert "security-id is in every request" in message


def test_a_ca_bundle_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    for value in (str(tmp_path), str(tmp_path / "missing.pem"), "no\x00path"):
        assert "there is no file at this path" in refusal(verify=value)


def test_certificates_pasted_in_place_of_a_path_are_refused() -> None:
    pasted = "-----BEGIN CERTIFICATE-----\n" + "MIIB" * 2_000
    assert "there is no file at this path" in refusal(verify=pasted)


def test_a_proxy_may_have_a_user_and_a_password_and_does_not_show_them() -> None:
    proxy = f"http://user:{PROXY_PASSWORD}@proxy.example.com:3128"
    settings = read(proxy=proxy)
    assert settings.proxy == proxy
    assert PROXY_PASSWORD not in repr(settings)


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy.example.com:3128",
        f"user:{PROXY_PASSWORD}@proxy.example.com:3128",
        f"socks5://user:{PROXY_PASSWORD}@proxy.example.com:1080",
        f"http://user:{PROXY_PASSWORD}@",
        f"http://user:{PROXY_PASSWORD}@proxy.example.com:port",
        f"http://user:{PROXY_PASSWORD}@[proxy",
        f"http://user:{PROXY_PASSWORD}@proxy℀example.com",
        17,
        True,
        ["http://proxy.example.com"],
        {"https": "http://proxy.example.com"},
    ],
)
def test_a_bad_proxy_is_refused_without_its_password(proxy: object) -> None:
    with pytest.raises(ConfigurationError, match="proxy in its extra must be the URL of an HTTP proxy") as caught:
        read(proxy=proxy)
    assert PROXY_PASSWORD not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("bulkurl", "bulk_url"),
        ("real_time_url", "realtime_url"),
        ("api-version", "api_version"),
        ("bulk_per_min", "bulk_per_minute"),
        ("timeouts", "timeout"),
        ("Verify", "verify"),
        ("proxies", "proxy"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(key: str, nearest: str) -> None:
    message = refusal(**{key: "x"})
    assert "'phonon_default'" in message
    assert f"unknown keys in its extra: {key}. Did you mean {nearest!r}?" in message


def test_an_unknown_key_that_is_near_to_none_is_refused_with_all_known_ones() -> None:
    message = refusal(zzz=1)
    assert "Did you mean" not in message
    assert f"Known are {', '.join(KEYS)}." in message


def test_all_unknown_keys_are_named_at_once() -> None:
    assert "unknown keys in its extra: host, port" in refusal(port=1, host="x", proxy=None)


@pytest.mark.parametrize("password", [None, ""])
def test_a_missing_security_id_is_refused_with_where_to_find_it(password: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"'phonon_default' has no password.*flow's edit page"):
        read_connection("phonon_default", password, {})


@pytest.mark.parametrize(
    "password",
    [
        SECURITY_ID[:63],
        SECURITY_ID + "A",
        SECURITY_ID + "\n",
        " " + SECURITY_ID[1:],
        "-" + SECURITY_ID[1:],
        "é" + SECURITY_ID[1:],
        SECURITY_ID[:10],
    ],
)
def test_what_is_no_security_id_is_refused_and_never_shown(password: str) -> None:
    with pytest.raises(ConfigurationError, match="64 letters and digits") as caught:
        read_connection("phonon_default", password, {})
    assert f"this one has {len(password)} characters" in str(caught.value)
    assert SECURITY_ID[1:10] not in str(caught.value)


def test_the_security_id_is_in_no_repr() -> None:
    settings = read()
    assert settings.security_id == SECURITY_ID
    assert SECURITY_ID not in repr(settings)
    assert SECURITY_ID not in str(settings)


@given(
    st.sampled_from(KEYS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=4,
    ),
)
def test_any_value_of_any_key_is_read_or_refused_by_its_key(key: str, value: object) -> None:
    try:
        read(**{key: value})
    except ConfigurationError as error:
        assert f"{key} in its extra must be" in str(error)  # noqa: PT017 - most values are refused, some are not
