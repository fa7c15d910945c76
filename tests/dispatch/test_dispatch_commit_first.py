"""The order of a send: SENDING is committed before anything is handed to the socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event, func, select

from dispatch.sending import Campaign
from phonon.errors import LedgerError
from phonon.ledger.schema import batches
from phonon.ledger.states import BatchState


class CommitFailedError(LedgerError):
    """The connection to the ledger broke while it committed."""


def test_when_the_commit_of_sending_fails_nothing_is_sent(new_campaign: Callable[..., Campaign]) -> None:
    campaign = new_campaign([2])
    interval = campaign.plan()
    failures = []

    def fail_where_something_is_sending(connection: Connection) -> None:
        sending = select(func.count()).select_from(batches).where(batches.c.state == BatchState.SENDING)
        if connection.execute(sending).scalar_one():
            failures.append("failed")
            raise CommitFailedError

    engine = campaign.ledger._engine
    event.listen(engine, "commit", fail_where_something_is_sending)
    try:
        # What was handed over all the same would be waited for before the error is passed on.
        with pytest.raises(CommitFailedError):
            campaign.send(interval)
    finally:
        event.remove(engine, "commit", fail_where_something_is_sending)
    assert failures
    assert campaign.phonon is not None
    assert campaign.phonon.summary()["requests"] == 0
    assert campaign.statuses() == {"pending": 2}
    assert campaign.send(interval) is None
    campaign.assert_books_agree()
    assert campaign.statuses() == {"accepted": 2}
