"""The value of a column that only grows, exact and as text, and the rows between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from phonon.errors import ConfigurationError


class CursorKind(Enum):
    """What a growing column holds. Values of one kind are in one order, here and in the database."""

    NUMBER = "number"
    DATE = "date"
    TIMESTAMP = "timestamp"
    ZONED = "timestamptz"
    TEXT = "text"


@dataclass(frozen=True)
class CursorValue:
    """One value. ``value``: Decimal; date; datetime without a zone; datetime in UTC; or text.

    Text is in the order of its code points, which is that of its bytes in UTF-8.
    """

    kind: CursorKind
    value: Any

    @classmethod
    def of(cls, kind: CursorKind, value: object) -> CursorValue:
        """Take a driver's value. Raises ConfigurationError for a number that has no place in the order."""
        if kind is CursorKind.NUMBER:
            number = Decimal(str(value))
            if not number.is_finite():
                raise ConfigurationError(
                    f"A growing column holds {number}, after which nothing is new. Mend its row."
                )
            return cls(kind, number)
        if kind is CursorKind.ZONED and isinstance(value, datetime):
            return cls(kind, value.astimezone(UTC))
        return cls(kind, value)

    @classmethod
    def parse(cls, text: str) -> CursorValue:
        """Read what ``str`` wrote. Raises ValueError for anything else."""
        name, _, rest = text.partition(":")
        kind = CursorKind(name)
        if kind is CursorKind.NUMBER:
            return cls(kind, Decimal(rest))
        if kind is CursorKind.DATE:
            return cls(kind, date.fromisoformat(rest))
        return cls(kind, rest if kind is CursorKind.TEXT else datetime.fromisoformat(rest))

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.plain}"

    @property
    def plain(self) -> str:
        """The value alone, as SQL has it between the quotes of a literal."""
        if self.kind is CursorKind.NUMBER:
            return f"{self.value:f}"
        return str(self.value) if self.kind is CursorKind.TEXT else str(self.value.isoformat())

    def is_beyond(self, other: CursorValue | None) -> bool:
        """Whether it is greater; everything is greater than None.

        Raises ConfigurationError for values of two kinds.
        """
        if other is None:
            return True
        if self.kind is not other.kind:
            raise ConfigurationError(
                f"A growing column was a {other.kind.value} and is a {self.kind.value} now: nobody can tell which "
                "rows are new. Give new_rows another cursor, or change the column back."
            )
        return bool(self.value > other.value)


@dataclass(frozen=True)
class RowRange:
    """The rows whose value is greater than ``after`` and not greater than ``upto``; None is before the first."""

    after: CursorValue | None
    upto: CursorValue | None

    @property
    def is_empty(self) -> bool:
        """Whether no row can be in it."""
        return self.upto is None or not self.upto.is_beyond(self.after)

    def as_json(self) -> dict[str, str | None]:
        """Both ends as text, for events and stores."""
        return {
            name: None if end is None else str(end) for name, end in (("after", self.after), ("upto", self.upto))
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RowRange:
        """Read what ``as_json`` gave. Raises KeyError, TypeError or ValueError for anything else."""
        after, upto = (None if text is None else CursorValue.parse(text) for text in _ends(content))
        return cls(after, upto)

    @classmethod
    def spanning(cls, ranges: Iterable[RowRange]) -> RowRange | None:
        """From the least ``after`` to the greatest ``upto``; None of none."""
        whole: RowRange | None = None
        for each in ranges:
            whole = each if whole is None else cls(_least(whole.after, each.after), greatest(whole.upto, each.upto))
        return whole


def greatest(one: CursorValue | None, other: CursorValue | None) -> CursorValue | None:
    """The greater of the two."""
    return other if other is not None and other.is_beyond(one) else one


def _least(one: CursorValue | None, other: CursorValue | None) -> CursorValue | None:
    return other if greatest(one, other) is one else one


def _ends(content: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return content["after"], content["upto"]
