"""From the rows of a query to clean contacts, or a reason for each row that is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from phonon.contacts.columns import AmbiguousColumnsError, ContactColumns, MissingColumnsError
from phonon.contacts.kinds import Objects, python_values
from phonon.contacts.numbers import NumberFault, NumberLists, number_lists
from phonon.contacts.text import TextFault, Texts, texts_of

__all__ = [
    "CONTACT_ID_MISSING",
    "CONTACT_ID_REPEATED",
    "MAX_CONTACT_ID",
    "AmbiguousColumnsError",
    "BadRow",
    "CleanContacts",
    "Contact",
    "ContactColumns",
    "MissingColumnsError",
    "clean",
]

CONTACT_ID_MISSING = "contact_id: missing"
"""Reason of a row whose contact id is null or blank."""

CONTACT_ID_REPEATED = "contact_id: repeated"
"""Reason of a row whose contact id came before; across chunks it is for the caller to find."""

MAX_CONTACT_ID = 200
"""Characters of the longest contact id."""

Positions: TypeAlias = npt.NDArray[np.intp]


class Contact(NamedTuple):
    """A row that can be called. ``row``: its position in the chunk, from 0.

    A tuple, as there is one for each contact, and it is quickly made.
    """

    row: int
    contact_id: str
    numbers: list[str]
    """One to ten, each ``91`` and ten digits."""
    start_at: object
    """The value as it came; ``None`` for a null, or without such a column."""
    variables: tuple[str, ...]
    """The texts of the flow variables, in the order of the campaign's."""


class BadRow(NamedTuple):
    """A row that is no contact. ``contact_id`` is ``None`` where there is none that can be stored."""

    row: int
    contact_id: str | None
    reason: str


@dataclass(frozen=True)
class CleanContacts:
    """The rows of a chunk, each in one of two lists, in the order they came in."""

    valid: list[Contact]
    invalid: list[BadRow]


def clean(rows: pd.DataFrame, columns: ContactColumns) -> CleanContacts:
    """Judge each row of a chunk: a contact that can be called, or the first reason why not.

    A row is judged by its contact id, then its numbers, then its variables. Raises ``MissingColumnsError`` or
    ``AmbiguousColumnsError`` when the chunk has not the columns asked for; no value in it makes it raise.
    """
    columns.check(rows.columns)
    reasons = np.full(len(rows), None, dtype=object)
    contact_ids = _contact_ids(rows[columns.contact_id], reasons)
    numbers = number_lists([rows[column] for column in columns.numbers], columns.numbers_kind)
    for fault in NumberFault:
        _give(reasons, numbers.faults == fault, f"number: {fault.value}")
    texts = {column: texts_of(rows[column]) for column in dict.fromkeys(columns.variables.values())}
    for variable, column in columns.variables.items():
        _give_faults(reasons, texts[column], f"variable {variable}")

    return CleanContacts(
        _contacts(rows, columns, np.flatnonzero(pd.isna(reasons)), contact_ids, numbers, texts),
        _bad_rows(np.flatnonzero(~pd.isna(reasons)), contact_ids, reasons),
    )


def _contacts(
    rows: pd.DataFrame,
    columns: ContactColumns,
    valid: Positions,
    contact_ids: Objects,
    numbers: NumberLists,
    texts: Mapping[str, Texts],
) -> list[Contact]:
    count = len(valid)
    variables = [_blank_for_null(texts[column].texts[valid]).tolist() for column in columns.variables.values()]
    start_at = [None] * count if columns.start_at is None else _starts(rows[columns.start_at], valid)
    return list(
        map(
            Contact,
            valid.tolist(),
            contact_ids[valid].tolist(),
            numbers.kept[valid].tolist(),
            start_at,
            zip(*variables, strict=True) if variables else [()] * count,
        )
    )


def _starts(column: pd.Series, valid: Positions) -> list[object]:
    """The starts asked for as they came, and ``None`` for each kind of null."""
    texts = texts_of(column)
    asked = pd.notna(texts.texts)
    asked[list(texts.faults)] = True
    starts = python_values(column)[valid]
    starts[~asked[valid]] = None
    return list(starts)


def _bad_rows(invalid: Positions, contact_ids: Objects, reasons: Objects) -> list[BadRow]:
    return list(map(BadRow, invalid.tolist(), contact_ids[invalid].tolist(), reasons[invalid].tolist()))


def _contact_ids(column: pd.Series, reasons: Objects) -> Objects:
    """Each row's contact id, or ``None`` where there is none that can be stored; puts the why into ``reasons``."""
    texts = texts_of(column)
    _give_faults(reasons, texts, "contact_id")
    contact_ids = np.fromiter(map(str.strip, _blank_for_null(texts.texts)), dtype=object, count=len(column))
    _give(reasons, contact_ids == "", CONTACT_ID_MISSING)
    too_long = np.fromiter(map(len, contact_ids), dtype=np.int64, count=len(column)) > MAX_CONTACT_ID
    _give(reasons, too_long, f"contact_id: longer than {MAX_CONTACT_ID} characters")
    # JSON has a writing for NUL, PostgreSQL's text has not, and contact ids go there.
    with_nul = np.fromiter(("\0" in contact_id for contact_id in contact_ids), dtype=np.bool_, count=len(column))
    _give(reasons, with_nul, f"contact_id: {TextFault.NOT_TEXT.value}")
    judged = ~pd.isna(reasons)
    contact_ids[judged] = None
    _give(reasons, pd.Series(contact_ids, dtype=object).duplicated().to_numpy(), CONTACT_ID_REPEATED)
    return contact_ids


def _give(reasons: Objects, rows: npt.NDArray[np.bool_], reason: str) -> None:
    """Put a reason down for those of ``rows`` that have none yet: the first one counts."""
    reasons[rows & pd.isna(reasons)] = reason


def _give_faults(reasons: Objects, texts: Texts, what: str) -> None:
    for position, fault in texts.faults.items():
        if reasons[position] is None:
            reasons[position] = f"{what}: {fault.value}"


def _blank_for_null(texts: Objects) -> Objects:
    return np.where(pd.isna(texts), "", texts)
