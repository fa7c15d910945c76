"""A network that resets, stalls, truncates and repeats, between the sender and Phonon."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from faults.proxy import Proxy, Trouble, What, Where, proxy_to
from simulator import BulkRepeat
from simulator.settings import Endpoint
from trial import Trial

_SQLITE = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
_CUT = [Trouble(what, where) for what, where in product((What.RESET, What.STALL), Where)]
_CUT.append(Trouble(What.END, Where.IN_ANSWER))
_TROUBLED = 2
_ARRIVED = {Where.AFTER_BODY, Where.IN_ANSWER}


def _behind(proxy: Proxy, endpoint: str) -> dict[str, str]:
    return {f"{endpoint}_url": proxy.url + Endpoint(endpoint).path}


def _new(new_trial: Callable[..., Trial], endpoint: str) -> Trial:
    return new_trial(endpoint=endpoint, phonon={"bulk_repeat": BulkRepeat.FORGET})


@_SQLITE
@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
@pytest.mark.parametrize("trouble", _CUT, ids=str)
def test_the_books_agree_after_a_connection_that(
    new_trial: Callable[..., Trial], trouble: Trouble, endpoint: str
) -> None:
    trial = _new(new_trial, endpoint)
    with proxy_to(trial.phonon.url) as proxy:
        trial.extra = _behind(proxy, endpoint)
        proxy.trouble(trouble, skip=1, times=_TROUBLED)
        trial.run()
    assert proxy.struck == _TROUBLED
    trial.assert_books_agree()
    troubled = _TROUBLED * 10
    if endpoint == "bulk":
        assert trial.statuses() == {"accepted": trial.contacts - troubled, "held": troubled}
    elif trouble.where in _ARRIVED:
        assert trial.statuses() == {"accepted": trial.contacts - troubled, "accepted_earlier": troubled}
    else:
        assert trial.statuses() == {"accepted": trial.contacts}
    _run_again(trial)


@_SQLITE
@pytest.mark.parametrize("what", [What.TWICE_FIRST, What.TWICE_SECOND])
@pytest.mark.parametrize("endpoint", ["bulk", "realtime"])
def test_the_books_agree_after_a_request_that_the_network_repeats(
    new_trial: Callable[..., Trial], what: What, endpoint: str
) -> None:
    # Only Phonon can notice such a repetition, so this one does.
    trial = new_trial(endpoint=endpoint, phonon={"bulk_repeat": BulkRepeat.REFUSE})
    with proxy_to(trial.phonon.url) as proxy:
        trial.extra = _behind(proxy, endpoint)
        proxy.trouble(Trouble(what), skip=1, times=_TROUBLED)
        trial.run()
    assert proxy.struck == _TROUBLED
    trial.assert_books_agree()
    held = _TROUBLED * 10 if what is What.TWICE_SECOND else 0  # 201 on a first send: who sent it before?
    assert trial.statuses()["held"] == held
    assert trial.statuses()["accepted"] == trial.contacts - held
    _run_again(trial)


def _run_again(trial: Trial) -> None:
    """Once more without the proxy: what is settled stays, and nobody is called again."""
    before, trial.extra = trial.statuses(), {}
    trial.run("run-2")
    trial.assert_books_agree()
    assert trial.statuses() == before
