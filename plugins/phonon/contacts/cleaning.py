"""From the rows of a query to clean contacts, or a reason for each row that is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phonon.contacts.columns import AmbiguousColumnsError, ContactColumns, MissingColumnsError
from phonon.contacts.kinds import Objects, python_values
from phonon.contacts.numbers import NumberFault, number_lists
from phonon.contacts.text import TextFault, Texts, texts_of

__all__ = [
    "CONTACT_ID_MISSING",
    "CONTACT_ID_REPEATED",
    "MAX_CONTACT_ID",
    "AmbiguousColumnsError",
    "CleanContacts",
    "ContactColumns",
    "MissingColumnsError",
    "clean",
    "variable_column",
]

CONTACT_ID_MISSING = "contact_id: missing"
"""Reason of a row whose contact id is null or blank."""

CONTACT_ID_REPEATED = "contact_id: repeated"
"""Reason of a row whose contact id came before; across chunks it is for the caller to find."""

MAX_CONTACT_ID = 200
"""Characters of the longest contact id."""


@dataclass(frozen=True)
class CleanContacts:
    """The rows of a chunk, each in one of two frames, in the order they came in.

    ``valid`` has the columns ``row`` (position in the chunk, from 0), ``contact_id`` (text), ``numbers``
    (``list[str]``, one to ten, each ``91`` and ten digits), ``number_last4`` (of the first number), ``start_at``
    (the value as it came, ``None`` without such a column) and a text column for each flow variable, named by
    ``variable_column``.

    ``invalid`` has ``row``, ``contact_id`` (``None`` where there is none that can be stored), ``reason`` and
    ``number_last4``, which is ``None``.
    """

    valid: pd.DataFrame
    invalid: pd.DataFrame


def variable_column(variable: str) -> str:
    """The column of ``CleanContacts.valid`` that holds a flow variable."""
    return f"var:{variable}"


def clean(rows: pd.DataFrame, columns: ContactColumns) -> CleanContacts:
    """Judge each row of a chunk: a contact that can be called, or the first reason why not.

    A row is judged by its contact id, then its numbers, then its variables. Raises ``MissingColumnsError`` or
    ``AmbiguousColumnsError`` when the chunk has not the columns asked for; no value in it makes it raise.
    """
    columns.check(rows.columns)
    reasons = np.full(len(rows), None, dtype=object)
    contact_ids = _contact_ids(rows[columns.contact_id], reasons)
    numbers = number_lists([rows[column] for column in columns.numbers])
    for fault in NumberFault:
        _give(reasons, numbers.faults == fault, f"number: {fault.value}")
    texts = {column: texts_of(rows[column]) for column in dict.fromkeys(columns.variables.values())}
    for variable, column in columns.variables.items():
        _give_faults(reasons, texts[column], f"variable {variable}")

    valid = np.flatnonzero(pd.isna(reasons))
    kept = numbers.kept[valid]
    start_at = None if columns.start_at is None else python_values(rows[columns.start_at])
    return CleanContacts(
        pd.DataFrame(
            {
                "row": valid.astype(np.int64),
                "contact_id": _objects(contact_ids[valid]),
                "numbers": _objects(kept),
                "number_last4": _objects([first[-4:] for first, *_ in kept]),
                "start_at": _objects([None] * len(valid) if start_at is None else start_at[valid]),
                **{
                    variable_column(variable): _objects(_blank_for_null(texts[column].texts[valid]))
                    for variable, column in columns.variables.items()
                },
            }
        ),
        _invalid_frame(contact_ids, reasons),
    )


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


def _invalid_frame(contact_ids: Objects, reasons: Objects) -> pd.DataFrame:
    invalid = np.flatnonzero(~pd.isna(reasons))
    return pd.DataFrame(
        {
            "row": invalid.astype(np.int64),
            "contact_id": _objects(contact_ids[invalid]),
            "reason": _objects(reasons[invalid]),
            "number_last4": _objects([None] * len(invalid)),
        }
    )


def _give(reasons: Objects, rows: npt.NDArray[np.bool_], reason: str) -> None:
    """Put a reason down for those of ``rows`` that have none yet: the first one counts."""
    reasons[rows & pd.isna(reasons)] = reason


def _give_faults(reasons: Objects, texts: Texts, what: str) -> None:
    for position, fault in texts.faults.items():
        if reasons[position] is None:
            reasons[position] = f"{what}: {fault.value}"


def _blank_for_null(texts: Objects) -> Objects:
    return np.where(pd.isna(texts), "", texts)


def _objects(values: Objects | Sequence[object]) -> pd.Series:
    """A column of plain objects: pandas 3 would make texts a dtype of its own, in which iterating is slow."""
    return pd.Series(values, dtype=object)
