from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phonon.redaction import masked, phone_numbers

WRITINGS = (
    "{}{}",
    "{} {}",
    "{}-{}",
    "{}.{}",
    "0{}{}",
    "91{}{}",
    "+91{}{}",
    "+91 {} {}",
    "+91-{}-{}",
    "0091 {} {}",
    "(+91) {}.{}",
    "+91 (0) {} {}",
    "{}\u00a0{}",
    "{}\u2013{}",
    "{}\n{}",
    "{}{}.0",
)
AROUND = (
    "{}",
    "call {} now",
    "row 12 {} of 3",
    "WHERE mobile = '{}' AND x = 1",
    "LIKE '%{}%'",
    "to={}&page=2",
    "tel:{};ext=1",
    "[{}, 17]",
    "contact_{}_x",
    "n{}",
)
mobiles = st.from_regex(r"[6-9][0-9]{9}", fullmatch=True)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("writing", WRITINGS)
@given(ten=mobiles)
def test_a_phone_number_in_any_usual_writing_is_masked(writing: str, around: str, ten: str) -> None:
    shown = masked(around.format(writing.format(ten[:5], ten[5:])))
    assert ten[:5] not in shown
    assert ten[5:] not in shown


@pytest.mark.parametrize("written", [json.dumps, quote, quote_plus, repr])
@pytest.mark.parametrize("writing", WRITINGS)
def test_a_phone_number_is_masked_as_json_or_a_url_write_it(writing: str, written: object) -> None:
    assert callable(written)
    shown = masked(written("call " + writing.format("99999", "12345")))
    assert "99999" not in shown
    assert "12345" not in shown


@pytest.mark.parametrize(
    "number",
    [
        *("022 2345 6789", "080-41234567", "0612 2345678", "+91 22 2345 6789", "2223456789", "+1 415 555 0100"),
        *("9.19999900002E+11", "9.999900002e9", "९९९९९१२३४५", "9999912345 9999912346"),
    ],
)
def test_landlines_foreign_numbers_and_odd_writings_are_masked(number: str) -> None:
    assert not any(char.isdigit() for char in masked(number))


@pytest.mark.parametrize(
    "text",
    [
        "20688.27",
        "1250000",
        "12,50,000.50",
        "99999123.45",
        "700.10 81234",
        "0.6999912345",
        "36ebf123-4567-4890-9123-456789abcdef",
        "2026-11-27",
        "2026-11-27 10:00:00.999991+05:30",
        "2026-11-27 1000",
        "27-11-2026 10 20",
        "manual__2026-11-27T10:00:00.999991+00:00",
        "1764239000",
        "1764239000123",
        "10.20.30.40",
        "78.168.10.123:5432",
        "99999 of 12345",
        "rows 1 to 500 of 1,000,000",
        hashlib.sha1(b"32", usedforsecurity=False).hexdigest(),
    ],
)
def test_what_is_no_phone_number_is_shown_whole(text: str) -> None:
    assert masked(text) == text


@given(st.uuids())
@example(UUID("36ebf123-9999-4912-9345-456789abcdef"))
@example(UUID("99999123-9999-4912-9345-999991234567"))
def test_a_uuid_is_shown_whole(uuid: UUID) -> None:
    assert masked(f"request-id {uuid} of run") == f"request-id {uuid} of run"


@given(st.binary(), st.sampled_from(["sha1", "sha256", "md5"]))
def test_a_digest_is_shown_whole(content: bytes, kind: str) -> None:
    digest = hashlib.new(kind, content).hexdigest()
    assert masked(f"renewal-{digest} {digest.upper()}") == f"renewal-{digest} {digest.upper()}"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1)), st.sampled_from(["T", " "]))  # noqa: DTZ001
def test_a_moment_and_a_run_id_are_shown_whole(moment: datetime, between: str) -> None:
    aware = moment.replace(tzinfo=UTC)
    for text in (moment.isoformat(between), aware.isoformat(between), f"scheduled__{aware.isoformat()}"):
        assert masked(text) == text


@given(st.decimals(0, 999_999_999, places=2), st.integers(0, 999_999_999))
def test_an_amount_is_shown_whole(amount: object, whole: int) -> None:
    assert masked(f"Amount={amount}, Rows={whole}") == f"Amount={amount}, Rows={whole}"


def test_a_security_id_is_masked_but_no_digest_unless_it_may_be_an_echo() -> None:
    secret, digest = "Zz09" * 16, "a1b2" * 16
    assert masked(f"id {secret} is unknown") == "id *** is unknown"
    assert masked(f"id {digest}") == f"id {digest}"
    assert masked(f"id {digest} is unknown", echoed=True) == "id *** is unknown"


def test_the_places_of_numbers_are_those_of_the_text() -> None:
    text = "a 99999 12345, %2B919999900001"
    assert [text[start:end] for start, end in phone_numbers(text)] == ["99999 12345", "919999900001"]


@given(st.text())
def test_any_text_can_be_masked_and_masking_again_changes_nothing(text: str) -> None:
    assert masked(masked(text)) == masked(text)
