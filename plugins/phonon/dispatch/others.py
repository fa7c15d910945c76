"""The other senders of an interval: what a sender learns from them, and when it waits for them."""

from __future__ import annotations

from sqlalchemy import Connection

from phonon.dispatch.process import Process
from phonon.ledger.shares import Answers, Share, answers_since, others_are_sending

WAIT_SECONDS = 0.25
"""How long a sender whose first batch has to go alone waits before it looks again at that of another."""

_OVERLAP_SECONDS = 60.0
"""What is recorded is dated when its transaction begins, and can be read only when that has ended."""


class Others:
    """The senders that share an interval with this one. There are none where its share is the whole.

    :param account: whose limit all of them use.
    :param look_seconds: how often a sender that is busy asks what the others were answered.
    """

    def __init__(self, process: Process, share: Share, account: str, *, look_seconds: float) -> None:
        self._process = process
        self._exist = share.of > 1
        self._account = account
        self._look_seconds = look_seconds
        self._look_at = 0.0
        self._since: float | None = None

    @property
    def exist(self) -> bool:
        """Whether there are any."""
        return self._exist

    @property
    def are_due(self) -> bool:
        """Whether it is time to ask again what they were answered."""
        return self._exist and self._process.monotonic() >= self._look_at

    def are_sending(self, connection: Connection, interval_id: int, now: float) -> bool:
        """Whether another one has a batch in flight. Asked before ``answers``, which has what came of it."""
        return others_are_sending(
            connection, interval_id, owner=self._process.owner(), now=now, is_dead=self._process.is_dead
        )

    def answers(self, connection: Connection, interval_id: int, now: float) -> Answers:
        """What is new since it last asked, or since ``forget``, of what any of them or this one was answered."""
        self._look_at = self._process.monotonic() + self._look_seconds
        since = now if self._since is None else self._since
        self._since = max(since, now - _OVERLAP_SECONDS)
        return answers_since(connection, interval_id, self._account, since=since)

    def forget(self, now: float) -> None:
        """Count only what is answered from now on: this sender has to prove anew that sending works."""
        self._since = now
