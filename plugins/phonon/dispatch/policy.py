"""What is done with a batch whose outcome is unknown. Apart from the rest, since campaign files name it."""

from __future__ import annotations

from enum import StrEnum


class UnknownPolicy(StrEnum):
    """What to do about a batch of which nobody can tell whether Phonon took it."""

    HOLD = "hold"
    """Leave it to a person."""

    RESEND = "resend"
    """Send the same bytes again, which Phonon refuses with 201 if they had arrived; in the end, hold."""
