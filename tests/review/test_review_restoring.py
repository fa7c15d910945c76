"""A ledger that was lost or restored from a backup: nobody is called twice, whatever it has forgotten."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select

from phonon.errors import ConfigurationError, LedgerError
from phonon.ledger.pauses import EVERYTHING, pause
from phonon.ledger.schema import decisions, known_calls
from phonon.ledger.settlements import Proof
from phonon.ledger.store import Ledger
from phonon.planning.identity import client_identifier
from phonon.review.evidence import read_evidence
from phonon.review.proving import Fit
from phonon.review.restoring import RestoreDesk, merged
from phonon.review.text import told_outlook, told_restored
from review.holding import ASHA, hold, statuses
from review.lives import DAYS, FATES, HEADER, Life, lose

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("plan"), st.sampled_from(DAYS), st.integers(1, 6)),
        st.tuples(st.sampled_from(FATES), st.sampled_from(DAYS), st.integers(1, 3)),
        st.just(("release", DAYS[0], 0)),
    ),
    max_size=12,
)
_NAMES = [client_identifier("trial", "day 1", f"C{i}") for i in range(4)]


def _live(life: Life, steps: list[tuple[str, str, int]]) -> None:
    for step, day, number in steps:
        if step == "plan":
            life.plan(day, number)
        elif step == "release":
            life.release()
        else:
            life.send(day, step, most=number)


@example(
    before=[],
    after=[("plan", DAYS[0], 6), ("accepted", DAYS[0], 2), ("unheard", DAYS[0], 1)],
    lost=True,
)
@example(
    before=[("plan", DAYS[0], 6), ("killed", DAYS[0], 1)],
    after=[("plan", DAYS[1], 6), ("accepted", DAYS[0], 3), ("accepted", DAYS[1], 2)],
    lost=False,
)
@example(
    before=[("plan", DAYS[0], 2), ("lost", DAYS[0], 1)],
    after=[("release", DAYS[0], 0), ("accepted", DAYS[0], 1)],
    lost=False,
)
@given(before=_STEPS, after=_STEPS, lost=st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_is_called_twice_after_a_restore_at_any_moment(
    ledger_url: URL, before: list[tuple[str, str, int]], after: list[tuple[str, str, int]], lost: bool
) -> None:
    lose(ledger_url)
    life = Life(ledger_url)
    _live(life, before)
    backup = life.back_up()
    _live(life, after)
    if lost:
        life.lose()
    else:
        life.restore(backup)
    if life.phonon.accepted:
        life.restored()
        repeated = life.restored()
        assert (repeated.batches, repeated.remembered, repeated.evidence.proven.calls) == (0, 0, 0)
        life.run_again()
        life.assert_nobody_called_twice_and_nothing_lost()
        statuses = Counter(row["status"] for row in life.rows())
        assert statuses.keys() <= {"accepted", "accepted_earlier", "held"}
        assert statuses.total() == len(DAYS) * 6
    life.ledger.close()


@pytest.fixture
def desk(ledger: Ledger) -> RestoreDesk:
    with ledger.transaction() as connection:
        pause(connection, EVERYTHING, by="asha", reason="restored", now=ledger.now(connection))
    return RestoreDesk(ledger)


def _report(*rows: str) -> str:
    return "\n".join([HEADER, *rows])


def test_without_a_pause_of_everything_nothing_is_done(ledger: Ledger) -> None:
    hold(ledger, 1)
    with ledger.transaction() as connection:
        pause(connection, "trial", by="asha", reason="why", now=0)
    desk, report = RestoreDesk(ledger), read_evidence(_report("ci-b0c0,,"))
    for act in (lambda: desk.look(report), lambda: desk.settle(report, "disk broken", ASHA)):
        with pytest.raises(ConfigurationError, match=r"Not everything is paused.*phonon pause --reason"):
            act()
    assert statuses(ledger) == {"held": 1}


@pytest.mark.parametrize("note", ["", "call 9999900001"])
def test_a_note_that_cannot_be_is_refused(desk: RestoreDesk, ledger: Ledger, note: str) -> None:
    with pytest.raises(ConfigurationError, match="note: "):
        desk.settle(read_evidence(_report(f"{_NAMES[0]},,")), note, ASHA)
    with ledger.transaction(read_only=True) as connection:
        assert not connection.execute(select(known_calls)).all()


def test_what_is_looked_at_is_what_is_done(desk: RestoreDesk, ledger_url: URL, ledger: Ledger) -> None:
    life = Life(ledger_url)
    life.plan("day 1", 3)
    report = read_evidence(
        _report(
            f"{_NAMES[0]},u0,r0", f"{_NAMES[1]},u1,r0", f"{_NAMES[3]},u3,r1", "91999990001,u4,r1", ",u5,r1", ",,r1"
        )
    )
    outlook = desk.look(report)
    assert (outlook.batches, outlook.calls) == (2, 3)
    assert (outlook.in_ledger, outlook.lost, outlook.foreign, outlook.nameless) == (2, 1, 1, 2)
    done = desk.settle(report, "disk broken", ASHA)
    assert (done.batches, done.calls, done.remembered) == (2, 3, 1)
    assert done.evidence.proven.calls == 2
    assert done.evidence.other_rows == {Fit.NOTHING: 3}
    assert [case.calls for case in done.waiting] == [1]
    text = told_restored(done)
    assert "2 batches with 3 calls held." in text
    assert "1 call remembered that the ledger did not have." in text
    assert any(line.split() == ["trial", "day", "1", "1", "1"] for line in text.splitlines())
    assert "Without a client-identifier: 2 rows" in told_outlook(outlook)
    life.ledger.close()
    with ledger.transaction(read_only=True) as connection:
        assert [row.client_identifier for row in connection.execute(select(known_calls))] == [_NAMES[3]]
        actions = connection.execute(select(decisions.c.action, decisions.c.note)).all()
    assert actions[1:] == [("hold", "disk broken")] * 2 + [("accept", "disk broken")] + [
        ("remember", "disk broken")
    ]


def test_a_client_identifier_that_no_planner_made_is_not_kept(desk: RestoreDesk, ledger: Ledger) -> None:
    desk.settle(read_evidence(_report("919999900001,u,r", f"{'c' * 24}-{'0' * 40},u,r")), "disk broken", ASHA)
    with ledger.transaction(read_only=True) as connection:
        assert not connection.execute(select(known_calls)).all()


@given(st.text(min_size=1), st.text(), st.text())
def test_every_client_identifier_of_a_campaign_is_kept(campaign: str, interval_key: str, contact_id: str) -> None:
    ledger = Ledger(URL.create("sqlite"))
    with ledger.transaction() as connection:
        pause(connection, EVERYTHING, by="asha", reason="restored", now=0)
    name = client_identifier(campaign, interval_key, contact_id)
    assert RestoreDesk(ledger).look(merged([])).lost == 0
    report = merged([])
    report.proofs[name] = Proof()
    assert RestoreDesk(ledger).look(report).lost == 1
    ledger.close()


def test_several_reports_are_one_and_what_they_contradict_each_other_in_is_told(
    desk: RestoreDesk, ledger: Ledger
) -> None:
    reports = [
        _report(f"{_NAMES[0]},u0,", f"{_NAMES[1]},u1,r1"),
        _report(f"{_NAMES[0]},,r0", f"{_NAMES[1]},u9,r9", ",,"),
    ]
    whole = merged(map(read_evidence, reports))
    assert whole.proofs == {_NAMES[0]: Proof("r0", "u0"), _NAMES[1]: Proof("r1", "u1")}
    assert (whole.named_twice, whole.nameless, len(whole.named)) == ({_NAMES[1]}, 0, 4)
    assert whole.listed == {"r1": {"u1"}, "r9": {"u9"}}
    told = told_restored(desk.settle(whole, "disk broken", ASHA))
    assert "Listed with more than one phonon-uuid: 1 call." in told
    assert "Nothing is held." in told


def test_a_hundred_thousand_lost_calls_are_remembered(desk: RestoreDesk) -> None:
    rows = [f"{client_identifier('trial', 'day 1', str(i))},u{i},r{i // 500}" for i in range(100_000)]
    report = read_evidence(_report(*rows))
    assert desk.settle(report, "disk broken", ASHA).remembered == 100_000
    assert desk.settle(report, "disk broken", ASHA).remembered == 0


def test_nothing_changes_when_it_fails_in_the_middle(desk: RestoreDesk, ledger: Ledger) -> None:
    hold(ledger, 1)
    report = read_evidence(_report("ci-b0c0,,", f"{_NAMES[0]},,"))
    broken = merged([report])
    broken.proofs[_NAMES[0]] = Proof(object())  # what neither database takes, and the last thing to be written
    with pytest.raises(LedgerError):
        desk.settle(broken, "disk broken", ASHA)
    assert statuses(ledger) == {"held": 1}
    desk.settle(report, "disk broken", ASHA)
    assert statuses(ledger) == {"accepted": 1}
