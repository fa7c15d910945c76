"""Reading a value that holds one number."""

from __future__ import annotations

from phonon.contacts.numbers import NumberFault, numbers_of


def mobile_of(value: object) -> str | NumberFault:
    """The only number of a value, or why there is none."""
    read = numbers_of(value)
    if isinstance(read, NumberFault):
        return read
    (number,) = read
    return number
