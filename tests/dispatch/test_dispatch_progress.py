"""What a sender logs of its progress: counts in words, what it waits for, and nothing twice."""

from __future__ import annotations

import logging

import pytest

from phonon.dispatch import progress
from phonon.dispatch.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have passed, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def _progress(sent: int, waiting: int = 60_000) -> Progress:
    return Progress(logging.getLogger("told"), waiting, 30_000, sent=sent, _started=0.0, _told=0.0)


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_line_says_what_is_left_and_what_it_waits_for(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    found = _progress(30_000)
    clock[0] = 10.0
    found.wait_for_limit(42.3)
    with caplog.at_level(logging.INFO):
        found.tell()
    (line,) = _lines(caplog)
    assert line == (
        "30,000 calls sent: 0 accepted, 0 refused, 0 held; 3000 a second; 60,000 left, for which the limit needs "
        "at least 2 min; waits for the limit, which has room in 42 s"
    )


def test_a_sender_that_only_waits_says_so_once_a_minute(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    found = _progress(1)
    found.wait_for_limit(55.0)
    with caplog.at_level(logging.INFO):
        for second in range(126):
            clock[0] = float(second)
            found.tell()
    assert len(_lines(caplog)) == 3  # at 5, 65 and 125 seconds
    assert _lines(caplog)[0].startswith("1 call sent:")
