"""The errors of this project: one family, so that a caller can tell ours from everybody else's."""

from __future__ import annotations


class PhononError(Exception):
    """Base of every error raised on purpose here.

    Its text says what happened, to what, and what to do about it, and never holds a phone number or a
    security-id, because exception texts end in task logs.
    """


class ConfigurationError(PhononError):
    """Something a person wrote (a connection, a campaign file, a parameter) cannot be used as it is."""


class PausedError(ConfigurationError):
    """Somebody has set the pause switch: a retry would find it still set."""


class LedgerError(PhononError):
    """The ledger cannot be reached, or holds something it must not."""


class ForgetfulLedgerError(ConfigurationError):
    """The warehouse remembers a run that the ledger does not know: whom it called could be called again."""


class WarehouseError(PhononError):
    """The warehouse cannot be reached, or refused a query or a write."""


class StoppedSendingError(PhononError):
    """Phonon refused for a reason that a person has to mend; what was not sent is still pending."""


class UnreachableError(PhononError):
    """No connection to Phonon could be made; nothing was sent."""
