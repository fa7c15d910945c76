"""Which column of a campaign's query means what. Free of pandas, so that a DAG file can afford to import it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from phonon.errors import ConfigurationError
from phonon.numbering_plan import NumbersKind


class MissingColumnsError(ConfigurationError):
    """A campaign names columns that its query does not return."""


class AmbiguousColumnsError(ConfigurationError):
    """A campaign names a column that its query returns more than once."""


@dataclass(frozen=True)
class ContactColumns:
    """The columns of a query that make a contact.

    ``contact_id`` names the contact, ``numbers`` are its phone numbers in the order they are tried,
    ``variables`` maps each flow variable to its column, and ``start_at`` is the column with the call's start,
    or ``None`` where the campaign has no such column. ``numbers_kind`` says
    whether landlines count. Raises ``ConfigurationError`` without a column of numbers.
    """

    contact_id: str
    numbers: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    start_at: str | None = None
    numbers_kind: NumbersKind = "mobile"

    def __post_init__(self) -> None:
        if not self.numbers:
            raise ConfigurationError(
                "No column is named under numbers. Name at least one that holds phone numbers."
            )

    def check(self, columns: Iterable[str]) -> None:
        """Raise unless each column asked for is among ``columns``, and there once.

        Raises ``MissingColumnsError``, which names the missing columns, the keys that ask for them, the columns
        there are and the nearest names, or ``AmbiguousColumnsError``. Columns nobody asks for are ignored.
        """
        there = Counter(columns)
        missing = [(key, column) for key, column in self._asked() if column not in there]
        if missing:
            raise MissingColumnsError(_missing_text(missing, [str(column) for column in there]))
        ambiguous = [f"'{column}' ({key})" for key, column in self._asked() if there[column] > 1]
        if ambiguous:
            raise AmbiguousColumnsError(
                f"The query returns more than one column named {', '.join(ambiguous)}. "
                "Give each column of the query a name of its own (SELECT ... AS ...)."
            )

    def _asked(self) -> Iterator[tuple[str, str]]:
        """Each column asked for, with the campaign's key that asks."""
        yield "contact_id", self.contact_id
        for column in self.numbers:
            yield "numbers", column
        for variable, column in self.variables.items():
            yield f"variables.{variable}", column
        if self.start_at is not None:
            yield "start_at", self.start_at


def _missing_text(missing: Sequence[tuple[str, str]], there: Sequence[str]) -> str:
    folded = {column.casefold(): column for column in there}
    parts = []
    for key, column in missing:
        near = get_close_matches(column.casefold(), folded, n=1)
        parts.append(f"'{column}' ({key}{f'; did you mean {folded[near[0]]!r}?' if near else ''})")
    return (
        f"The query does not return {', '.join(parts)}. The columns there are: {', '.join(there) or 'none'}. "
        "Correct the campaign's key, or return the column from the query."
    )
