"""Reading a report of Phonon's: what is understood, and that what is not is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.promises import states
from phonon.errors import ConfigurationError
from phonon.ledger.settlements import Proof
from phonon.ledger.store import Ledger
from phonon.review.evidence import read_evidence, read_evidence_file
from review.holding import apply, hold
from trial import leaks


@pytest.mark.parametrize(
    "header",
    [
        "client-identifier,phonon-uuid,request-id",
        "Client_Identifier,PHONON UUID,Request Id",
        "ClientIdentifier,phononUuid,requestID",
        "$flow.key.ClientIdentifier,Phonon-UUID,request_id",
        '"client-identifier","phonon-uuid","request-id"',
        "client-identifier;phonon-uuid;request-id",
        "client-identifier\tphonon-uuid\trequest-id",
        "\ufeffclient-identifier,phonon-uuid,request-id",
        "\n\nclient-identifier,phonon-uuid,request-id",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_columns_are_found_however_they_are_written(header: str, newline: str) -> None:
    mark = next(each for each in ";\t," if each in header)
    line = mark.join(["one", '"uuid 1"', "r"])
    evidence = read_evidence(f"{header}{newline}{line}{newline}{newline}")
    assert evidence.proofs == {"one": Proof("r", "uuid 1")}


def test_other_columns_and_their_order_do_not_matter() -> None:
    evidence = read_evidence("status,phonon-uuid,mobile,client-identifier\nok,u,919999900001,one\n")
    assert evidence.proofs == {"one": Proof(None, "u")}
    assert not leaks(repr(evidence))


def test_rows_of_one_call_are_put_together_and_two_uuids_are_told() -> None:
    evidence = read_evidence(
        "client-identifier,phonon-uuid,request-id\none,,r\none,u1,\none,u2,\ntwo,u3,\ntwo,u3,\n"
    )
    assert evidence.proofs == {"one": Proof("r", "u1"), "two": Proof(None, "u3")}
    assert evidence.named_twice == {"one"}


_WRONG = {
    "empty": ("", "is empty"),
    "blank": (" \n\n ", "is empty"),
    "no such column": ("name,mobile\nAsha,919999900001\n", "no column client-identifier or phonon-uuid"),
    "no header": ("919999900001,x\n919999900002,y\n", "no column client-identifier or phonon-uuid"),
    "request-id alone": ("request-id\nr\n", "no column client-identifier or phonon-uuid"),
    "header alone": ("client-identifier\n", "no row that names a call"),
    "empty cells": ("client-identifier,phonon-uuid\n,\n", "no row that names a call"),
    "short row": ("client-identifier,mobile\none,1\ntwo\n", r"ragged: line 3 has 1 columns and the header 2"),
    "long row": ("client-identifier,mobile\none,919999900001,x\n", r"ragged: line 2 has 3 columns"),
    "open quote": ('client-identifier,mobile\n"one,919999900001\n', "is not CSV: line 2"),
    "JSON": ('[{"client-identifier": "one"}]', "no column client-identifier"),
    "HTML": ("<html><body>919999900001</body></html>", "no column client-identifier"),
    "NUL": ("client-identifier\none\0\n", "is not text"),
    "half a character": ("client-identifier\none\ud800\n", "is not text"),
    "twice": ("client-identifier,ClientIdentifier\none,two\n", "two columns for the client-identifier: 1 and 2"),
    "huge cell": (f"client-identifier\n{'9' * 200_000}\n", "is not CSV: line 2"),
}


@pytest.mark.parametrize(("text", "said"), _WRONG.values(), ids=_WRONG.keys())
def test_a_wrong_report_is_refused_before_anything_is_written(ledger: Ledger, text: str, said: str) -> None:
    hold(ledger, 1)
    with pytest.raises(ConfigurationError, match=said) as raised:
        apply(ledger, f"{text}")
    assert states(ledger) == {1: "held"}
    assert not leaks(str(raised.value))


def test_a_good_start_of_a_ragged_report_settles_nothing(ledger: Ledger) -> None:
    hold(ledger, 1)
    with pytest.raises(ConfigurationError, match="ragged"):
        apply(ledger, "client-identifier,mobile\nci-b0c0,1\nci-b0c0\n")
    assert states(ledger) == {1: "held"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_is_read_with_and_without_a_mark_of_its_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "report.csv"
    file.write_text("client-identifier,name\none,आशा\n", encoding=encoding)
    assert list(read_evidence_file(file).proofs) == ["one"]


@pytest.mark.parametrize("content", ["client-identifier\none\n".encode("utf-16"), b"PK\x03\x04\xff\xfe"])
def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "report.csv"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="Save it as CSV in UTF-8"):
        read_evidence_file(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.csv cannot be read: No such file"):
        read_evidence_file(tmp_path / "none.csv")
