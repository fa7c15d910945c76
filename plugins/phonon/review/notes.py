"""What a person is told before a decision, and what a person writes about it, which must hold no number."""

from __future__ import annotations

from phonon.errors import ConfigurationError
from phonon.redaction import phone_numbers

WARNING = (
    "If Phonon did receive the first request, these people are called a second time. Look at Phonon's own report "
    "first: to release says that you know that the calls were not received."
)

_LONGEST = 500


def checked_note(text: str | None, *, key: str = "note") -> str:
    """A note on one line, as it is kept.

    :param key: what the person calls it, for the error.
    :raises ConfigurationError: if it is empty, too long, or holds what could be a phone number.
    """
    note = " ".join((text or "").split())
    if not note:
        raise ConfigurationError(f"{key}: say why, in a few words. It is kept with the decision.")
    if len(note) > _LONGEST:
        raise ConfigurationError(f"{key}: at most {_LONGEST} characters; found {len(note)}.")
    if phone_numbers(note):
        raise ConfigurationError(
            f"{key}: it holds what could be a phone number, and it is shown in logs and results. Leave that out."
        )
    return note
