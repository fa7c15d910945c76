"""The pause switch: a row that is set once, cleared once, found by every sender it concerns, and on record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import URL, select

from ledger.promises import NOON
from phonon.ledger.claims import find_interval
from phonon.ledger.pauses import EVERYTHING, pause, pause_of, resume, set_pauses
from phonon.ledger.schema import decisions
from phonon.ledger.store import Ledger


def _pause(ledger: Ledger, scope: str, *, by: str = "asha", now: float = NOON) -> bool:
    with ledger.transaction() as connection:
        return pause(connection, scope, by=by, reason="wrong prices", now=now)


def _resume(ledger: Ledger, scope: str) -> bool:
    with ledger.transaction() as connection:
        return resume(connection, scope, by="ravi", now=NOON + 60)


def _recorded(ledger: Ledger) -> list[tuple[str, ...]]:
    names = ("decided_by", "action", "scope", "note")
    with ledger.transaction(read_only=True) as connection:
        query = select(*(decisions.c[name] for name in names)).order_by(decisions.c.id)
        return [tuple(row) for row in connection.execute(query)]


def test_a_switch_stops_the_campaign_it_names_and_no_other(ledger: Ledger) -> None:
    assert _pause(ledger, "loans")
    with ledger.transaction() as connection:
        mine, other = (find_interval(connection, name, "day 1") for name in ("loans", "others"))
        found = pause_of(connection, mine)
        assert str(found) == "loans was paused by asha at 2026-11-24 12:00:00 UTC: wrong prices"
        assert pause_of(connection, other) is None


def test_a_switch_for_everything_stops_every_campaign(ledger: Ledger) -> None:
    assert _pause(ledger, EVERYTHING)
    with ledger.transaction() as connection:
        found = pause_of(connection, find_interval(connection, "loans", "day 1"))
    assert str(found).startswith("everything was paused by asha")


def test_a_switch_that_is_set_already_keeps_who_set_it(ledger: Ledger) -> None:
    assert _pause(ledger, "loans")
    assert not _pause(ledger, "loans", by="ravi", now=NOON + 1)
    with ledger.transaction(read_only=True) as connection:
        assert [(each.by, each.at.timestamp()) for each in set_pauses(connection)] == [("asha", NOON)]
    assert _recorded(ledger) == [("asha", "pause", "loans", "wrong prices")]


def test_a_switch_is_cleared_once_and_leaves_the_others_set(ledger: Ledger) -> None:
    _pause(ledger, "loans")
    _pause(ledger, EVERYTHING)
    assert _resume(ledger, "loans")
    assert not _resume(ledger, "loans")
    with ledger.transaction(read_only=True) as connection:
        assert [each.scope for each in set_pauses(connection)] == [EVERYTHING]
    assert [row[:3] for row in _recorded(ledger)] == [
        ("asha", "pause", "loans"),
        ("asha", "pause", EVERYTHING),
        ("ravi", "resume", "loans"),
    ]


def test_of_people_who_set_a_switch_at_once_one_is_on_record(ledger_url: URL) -> None:
    ledger = Ledger(ledger_url)
    gate = Barrier(4)

    def set_it(number: int) -> bool:
        mine = Ledger(ledger_url)
        gate.wait(30)
        is_new = _pause(mine, "loans", by=f"person-{number}")
        mine.close()
        return is_new

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(set_it, range(4)))
    assert [row[0] for row in _recorded(ledger)] == [f"person-{won.index(True)}"]
    assert won.count(True) == 1
    ledger.close()
