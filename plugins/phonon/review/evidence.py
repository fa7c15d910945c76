"""Reading evidence: a report of Phonon's as CSV, with client-identifiers or phonon-uuids."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from phonon.errors import ConfigurationError
from phonon.ledger.settlements import Proof
from phonon.redaction import masked

_COLUMNS = {
    "clientidentifier": "client-identifier",
    "phononuuid": "phonon-uuid",
    "requestid": "request-id",
}
_DELIMITERS = ",;\t"
_NOISE = re.compile(r"^\$flow\.key\.|[\s_-]+")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_CURE = (
    "Export Phonon's report as CSV with a header line, and keep these columns: client-identifier, phonon-uuid, "
    "request-id."
)


@dataclass(frozen=True)
class EvidenceRow:
    """A row of the report; None is what it leaves empty."""

    client_identifier: str | None
    phonon_uuid: str | None
    request_id: str | None


@dataclass
class Evidence:
    """A report, sorted by what its rows can prove."""

    proofs: dict[str, Proof] = field(default_factory=dict)
    """By client-identifier."""
    named: list[str] = field(default_factory=list)
    """The client-identifier of each row that has one."""
    uuids: list[tuple[str, str | None]] = field(default_factory=list)
    """phonon-uuid and request-id of each row that has no client-identifier."""
    listed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """All phonon-uuids under each request-id, with and without a client-identifier."""
    named_twice: set[str] = field(default_factory=set)
    """Client-identifiers that the report lists with more than one phonon-uuid: Phonon took them for two calls."""
    nameless: int = 0
    """Rows that name neither a call nor a uuid."""


def read_evidence(text: str) -> Evidence:
    """Read a report.

    :raises ConfigurationError: if it is not CSV, has neither of the two columns, is empty, or has a row of
        another length than its header; it says which and what to do. Values are never in the error.
    """
    evidence = Evidence()
    for row in _rows(text.removeprefix("\ufeff")):
        _add(evidence, row)
    if not evidence.named and not evidence.uuids:
        raise ConfigurationError(f"The evidence has no row that names a call. {_CURE}")
    return evidence


def read_evidence_file(path: Path) -> Evidence:
    """Read a report from a file. Raises ConfigurationError as ``read_evidence``, and when it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        return read_evidence(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{path} is not text in UTF-8. Save it as CSV in UTF-8, not as a workbook."
        ) from None


def evidence_of(rows: Iterable[EvidenceRow]) -> Evidence:
    """A report of rows that were read elsewhere."""
    evidence = Evidence()
    for row in rows:
        _add(evidence, row)
    return evidence


def _add(evidence: Evidence, row: EvidenceRow) -> None:
    if row.request_id and row.phonon_uuid:
        evidence.listed[row.request_id].add(row.phonon_uuid)
    if row.client_identifier is None:
        if row.phonon_uuid is not None:
            evidence.uuids.append((row.phonon_uuid, row.request_id))
        else:
            evidence.nameless += 1
        return
    evidence.named.append(row.client_identifier)
    known = evidence.proofs.get(row.client_identifier, Proof())
    if known.phonon_uuid and row.phonon_uuid and known.phonon_uuid != row.phonon_uuid:
        evidence.named_twice.add(row.client_identifier)
    evidence.proofs[row.client_identifier] = Proof(
        known.request_id or row.request_id, known.phonon_uuid or row.phonon_uuid
    )


def _rows(text: str) -> Iterator[EvidenceRow]:
    if not text.strip():
        raise ConfigurationError(f"The evidence is empty. {_CURE}")
    if _NOT_TEXT.search(text):
        raise ConfigurationError(f"The evidence is not text. Nothing was changed. {_CURE}")
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = next(row for row in reader if row)
        columns = _columns(header)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise ConfigurationError(
                    f"The evidence is ragged: line {reader.line_num} has {len(row)} columns and the header "
                    f"{len(header)}. Nothing was changed. Export it anew, with values that hold a comma in quotes."
                )
            yield _row(row, columns)
    except csv.Error as error:
        raise ConfigurationError(
            f"The evidence is not CSV: line {reader.line_num}: {masked(str(error))}. Nothing was changed. {_CURE}"
        ) from None


def _row(row: Sequence[str], columns: Mapping[str, int]) -> EvidenceRow:
    def cell(name: str) -> str | None:
        return (row[columns[name]].strip() or None) if name in columns else None

    return EvidenceRow(cell("client-identifier"), cell("phonon-uuid"), cell("request-id"))


def _delimiter(text: str) -> str:
    """The delimiter with which the header names most of the columns; spreadsheets do not all write commas."""
    header = text.lstrip().splitlines()[0]
    return max(_DELIMITERS, key=lambda each: sum(_name(part) in _COLUMNS for part in header.split(each)))


def _columns(header: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, title in enumerate(header):
        name = _COLUMNS.get(_name(title))
        if name is None:
            continue
        if name in found:
            raise ConfigurationError(
                f"The evidence has two columns for the {name}: {found[name] + 1} and {index + 1}. Leave one."
            )
        found[name] = index
    if not found.keys() & {"client-identifier", "phonon-uuid"}:
        raise ConfigurationError(
            f"The evidence has no column client-identifier or phonon-uuid; its header has {_shown(header)}. "
            f"Nothing was changed. {_CURE}"
        )
    return found


def _name(title: str) -> str:
    return _NOISE.sub("", title.strip().strip('"').strip()).lower()


def _shown(header: Iterable[str]) -> str:
    return masked(", ".join(title.strip()[:30] for title in list(header)[:10]))
