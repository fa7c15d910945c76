from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from closed_port import closed_port
from phonon.hooks.phonon import PhononHook
from simulator import Settings
from simulator.running import Handle, running

SECURITY_ID = "Wv65" * 16


@pytest.fixture(scope="session")
def _standin() -> Iterator[Handle]:
    with running(Settings(bulk_per_minute=0, realtime_per_minute=0)) as handle:
        yield handle


@pytest.fixture
def phonon(_standin: Handle) -> Handle:
    """The stand-in Phonon, which has seen nothing yet."""
    _standin.reset()
    return _standin


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port of this machine at which nobody listens."""
    with closed_port() as port:
        yield port


@pytest.fixture
def hook_of(phonon: Handle, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PhononHook]:
    """Makes the hook of a connection to the stand-in; the arguments are more of its extra."""

    def make(*, password: str = SECURITY_ID, **extra: object) -> PhononHook:
        addresses = {"bulk_url": phonon.bulk_url, "realtime_url": phonon.realtime_url}
        connection = {"conn_type": "phonon", "password": password, "extra": {**addresses, **extra}}
        monkeypatch.setenv("AIRFLOW_CONN_PHONON_DEFAULT", json.dumps(connection))
        return PhononHook()

    return make
