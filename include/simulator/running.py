"""The stand-in in a thread of this process, for tests: on a real socket, and looked into from the outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from simulator.faults import Fault
from simulator.record import AcceptedCall
from simulator.server import Clock, ist_now, listening
from simulator.settings import Endpoint, Settings
from simulator.standin import Phonon
from simulator.summary import Summary

_T = TypeVar("_T")
_LOOPBACK = "127.0.0.1"


class Handle:
    """A running stand-in. It may be asked from any thread, and still after it was stopped."""

    def __init__(self, phonon: Phonon, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        """The base URL, without a slash at its end."""
        self._phonon = phonon
        self._loop = loop

    @property
    def bulk_url(self) -> str:
        """The whole URL of the bulk create call."""
        return self.url + Endpoint.BULK.path

    @property
    def realtime_url(self) -> str:
        """The whole URL of the real-time create call."""
        return self.url + Endpoint.REALTIME.path

    def inject(self, *faults: Fault) -> None:
        """Arm faults for the requests that come from now on."""

        def arm() -> None:
            for fault in faults:
                self._phonon.faults.inject(fault)

        self._ask(arm)

    def clear_faults(self) -> None:
        """Disarm the faults that wait."""
        self._ask(self._phonon.faults.clear)

    def accepted(self) -> list[AcceptedCall]:
        """Return every accepted call in the order of acceptance."""
        return self._ask(lambda: list(self._phonon.accepted()))

    def summary(self) -> Summary:
        """Return the counts of the run so far."""
        return self._ask(self._phonon.summary)

    def reset(self) -> None:
        """Forget everything: accepted calls, counts, checksums, the used limit, and faults that wait."""
        self._ask(self._phonon.reset)

    def _ask(self, question: Callable[[], _T]) -> _T:
        # On the server's own thread, as the core is not safe for two; without one there is nobody to disturb.
        if self._loop.is_closed():
            return question()
        answer: Future[_T] = Future()

        def put() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # noqa: BLE001  it belongs to whoever asked, not to the server
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(put)
        return answer.result()


@contextmanager
def running(settings: Settings | None = None, *, clock: Clock = ist_now) -> Iterator[Handle]:
    """Run a stand-in on a free port of the loopback while the context lasts.

    :raises OSError: no port could be bound.
    """
    phonon = Phonon(settings)
    started: Future[tuple[asyncio.AbstractEventLoop, str]] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        async with listening(phonon, host=_LOOPBACK, port=0, clock=clock) as url:
            started.set_result((asyncio.get_running_loop(), url))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="stand-in Phonon", daemon=True)
    thread.start()
    loop, url = started.result()
    try:
        yield Handle(phonon, url, loop)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
