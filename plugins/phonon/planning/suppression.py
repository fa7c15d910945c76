"""Numbers that must not be called: those of a campaign's suppress query, and those of the ledger's list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from logging import Logger

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection

from phonon.contacts.numbers import NumberFault, mobiles_of
from phonon.errors import ConfigurationError
from phonon.ledger import do_not_call
from phonon.ledger.claims import Reject
from phonon.ledger.store import Ledger
from phonon.ledger.withdrawals import DO_NOT_CALL
from phonon.planning.drafts import Draft
from phonon.planning.rules import PlanningRules
from phonon.wording import counted

Keys = npt.NDArray[np.int64]


def _no_keys() -> Keys:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class NumberSet:
    """Phone numbers, eight bytes each. ``keys`` are sorted, without repeats."""

    keys: Keys = field(default_factory=_no_keys, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def holds(self, numbers: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of the numbers, each ``91`` and ten digits, are in the set."""
        keys = _keys(numbers)
        places = np.searchsorted(self.keys, keys)
        inside = places < len(self.keys)
        found = np.zeros(len(keys), dtype=np.bool_)
        found[inside] = self.keys[places[inside]] == keys[inside]
        return found

    def among(self, numbers: Sequence[str]) -> set[str]:
        """Those of the numbers that are in the set."""
        return {number for number, held in zip(numbers, self.holds(numbers), strict=True) if held}


def read_numbers(chunks: Iterable[pd.DataFrame], log: Logger) -> NumberSet:
    """The numbers of a suppress query, in any usual writing. Says how many there are, and how many are none.

    Takes the chunks one at a time. Raises ConfigurationError unless the query has one column.
    """
    parts: list[Keys] = []
    faults: Counter[NumberFault] = Counter()
    rows = 0
    for chunk in chunks:
        if len(chunk.columns) != 1:
            names = ", ".join(map(str, chunk.columns))
            raise ConfigurationError(
                f"The suppress query returns {len(chunk.columns)} columns: {names}. It must return one: the "
                "numbers that must not be called."
            )
        mobiles = mobiles_of(chunk.iloc[:, 0], "any")
        faults.update(fault for fault in mobiles.faults if fault is not None)
        parts.append(np.unique(_keys(list(mobiles.all()))))
        rows += len(chunk)
    keys = np.concatenate(parts) if parts else _no_keys()
    parts.clear()
    keys.sort()
    numbers = NumberSet(keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys)
    log.info("suppress: %s, %s not called", counted(rows, "row"), counted(len(numbers), "number"))
    if faults:
        told = ", ".join(f"{faults[fault]} {fault.value}" for fault in NumberFault if faults[fault])
        log.warning("suppress: no phone number in %s: %s", counted(faults.total(), "row"), told)
    return numbers


class Suppression:
    """Takes out numbers that must not be called; a contact without another number is suppressed.

    The ledger's list has to be held by the transaction, so that no call is planned past a number being added.

    :param numbers: of the campaign's suppress query.
    """

    def __init__(self, ledger: Ledger, rules: PlanningRules, numbers: NumberSet | None = None) -> None:
        self._ledger = ledger
        self._numbers = numbers or NumberSet()
        # A test run calls nobody's number but the tester's.
        self._applies = not rules.test_numbers

    def apply(self, connection: Connection, drafts: Sequence[Draft], rejects: list[Reject]) -> list[Draft]:
        """Take out the numbers; contacts that are suppressed are added to ``rejects``."""
        if not self._applies or not drafts:
            return list(drafts)
        nobody_listed = do_not_call.is_empty(connection)
        if nobody_listed and not self._numbers:
            return list(drafts)
        numbers = list(dict.fromkeys(number for draft in drafts for number in draft.numbers))
        forbidden = self._numbers.among(numbers)
        if not nobody_listed:
            forbidden |= self._listed(connection, numbers)
        if not forbidden:
            return list(drafts)
        kept = []
        for draft in drafts:
            free = [number for number in draft.numbers if number not in forbidden]
            if not free:
                rejects.append(draft.suppressed(DO_NOT_CALL))
            elif len(free) < len(draft.numbers):
                kept.append(draft._replace(numbers=free))
            else:
                kept.append(draft)
        return kept

    def _listed(self, connection: Connection, numbers: Sequence[str]) -> set[str]:
        hashes = {number_hash: number for number, number_hash in self._ledger.number_hashes(numbers).items()}
        return {hashes[each] for each in do_not_call.listed(connection, list(hashes))}


def _keys(numbers: Sequence[str]) -> Keys:
    return np.fromiter(map(int, numbers), dtype=np.int64, count=len(numbers))
