"""Faults on request: what goes wrong, for which requests, and whether the calls are accepted all the same.

A fault is armed with :meth:`Faults.inject` and then drawn by the requests it is for. A request suffers at most
one fault: the first that was injected and is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from simulator.settings import Endpoint


class Kind(StrEnum):
    """What goes wrong."""

    CODE = "code"
    """The whole request is refused with ``code``; with ``accept`` the calls are accepted nevertheless."""
    STATUS = "status"
    """An answer of any HTTP ``status``, ``body``, ``content_type`` and ``headers``."""
    NO_ANSWER = "no_answer"
    """Nothing, until the client gives up."""
    RESET = "reset"
    """The connection is reset (TCP RST)."""
    HALF_ANSWER = "half_answer"
    """The answer stops in the middle; see ``announce_whole``."""
    EMPTY = "empty"
    """HTTP 200 (or ``status``) with no body."""
    HTML = "html"
    """HTTP 200 (or ``status``) with a page (or ``body``), as from a proxy."""
    SLOW = "slow"
    """The answer comes ``seconds`` later."""
    PARTIAL = "partial"
    """Code 209: only a ``fraction`` of the calls, or those at ``indexes``, are accepted."""


class When(StrEnum):
    """How far the request gets before the fault strikes."""

    BEFORE_BODY = "before_body"
    """The body is not even read."""
    BEFORE = "before"
    """Phonon never sees the request: nothing is accepted, counted against the limit or remembered."""
    AFTER = "after"
    """The request is dealt with as usual; only its answer is not what it should be."""


# The first moment of each is the one for a fault that names none.
_MOMENTS: Mapping[Kind, tuple[When, ...]] = {
    Kind.CODE: (When.AFTER,),
    Kind.STATUS: (When.BEFORE, When.AFTER),
    Kind.NO_ANSWER: (When.BEFORE, When.AFTER),
    Kind.RESET: (When.BEFORE, When.BEFORE_BODY, When.AFTER),
    Kind.HALF_ANSWER: (When.AFTER,),
    Kind.EMPTY: (When.BEFORE, When.AFTER),
    Kind.HTML: (When.BEFORE, When.AFTER),
    Kind.SLOW: (When.AFTER,),
    Kind.PARTIAL: (When.AFTER,),
}

_NEEDS: Mapping[Kind, str] = {Kind.CODE: "code", Kind.STATUS: "status", Kind.SLOW: "seconds"}

# A field that its kind would pass over is a slip, and the test that holds it would prove nothing.
_TAKES: Mapping[Kind, frozenset[str]] = {
    Kind.CODE: frozenset({"code", "message", "status", "accept"}),
    Kind.STATUS: frozenset({"status", "body", "content_type", "headers"}),
    Kind.NO_ANSWER: frozenset(),
    Kind.RESET: frozenset(),
    Kind.HALF_ANSWER: frozenset({"announce_whole"}),
    Kind.EMPTY: frozenset({"status", "headers"}),
    Kind.HTML: frozenset({"status", "body", "headers"}),
    Kind.SLOW: frozenset({"seconds"}),
    Kind.PARTIAL: frozenset({"status", "fraction", "indexes"}),
}
_OPTIONS = frozenset().union(*_TAKES.values())


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and the requests it is for: those of ``endpoint`` (None: any) that come after it is injected.

    The first ``skip`` of them are spared; of the rest every ``every``-th suffers it (with 3: the third, the
    sixth...), until ``times`` did (None: for ever).

    :raises ValueError: what the kind needs is missing, a field is not for the kind, or a number makes no sense.
    """

    # Read by pydantic where faults arrive as JSON: a misspelt field must not pass for a harmless fault.
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    kind: Kind
    _: KW_ONLY
    endpoint: Endpoint | None = None
    skip: int = 0
    times: int | None = 1
    every: int = 1
    when: When | None = None
    """None: before acceptance, where the kind has the choice."""

    code: int | None = None
    message: str | None = None
    """The message with the code; None: the documented one."""
    accept: bool = False
    status: int | None = None
    body: str | None = None
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    fraction: float | None = None
    """Of the calls, from the first; None without ``indexes``: a half."""
    indexes: tuple[int, ...] | None = None
    announce_whole: bool = True
    """True: the Content-Length is of the whole answer and the connection closes early; False: of the half."""

    def __post_init__(self) -> None:
        """Refuse a fault that could not do what it says."""
        self._check_requests()
        self._check_options()
        if self.when is not None and self.when not in _MOMENTS[self.kind]:
            allowed = " or ".join(_MOMENTS[self.kind])
            raise ValueError(f"A fault of kind {self.kind} cannot strike {self.when}; give when={allowed}.")

    def _check_requests(self) -> None:
        if self.skip < 0 or self.every < 1 or (self.times is not None and self.times < 1):
            raise ValueError(
                "A fault needs skip of 0 or more, and every and times of 1 or more (times None: for ever)."
            )

    def _check_options(self) -> None:
        takes = _TAKES[self.kind]
        useless = sorted(_OPTIONS.intersection(self._given()) - takes)
        if useless:
            raise ValueError(
                f"A fault of kind {self.kind} has no {', '.join(useless)}; it takes {', '.join(sorted(takes))}."
            )
        needed = _NEEDS.get(self.kind)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"A fault of kind {self.kind} needs {needed}.")
        if self.fraction is not None and (self.indexes is not None or not 0 <= self.fraction <= 1):
            raise ValueError("A partial fault takes a fraction from 0 to 1, or indexes, not both.")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError("A fault's status is not an HTTP status of an answer; give 200 to 599.")
        if (self.seconds is not None and self.seconds < 0) or any(index < 0 for index in self.indexes or ()):
            raise ValueError("A fault's seconds and indexes cannot be negative.")

    def _given(self) -> Iterable[str]:
        if self.content_type != "text/plain":
            yield "content_type"
        for name in ("accept", "headers"):
            if getattr(self, name):
                yield name
        if not self.announce_whole:
            yield "announce_whole"
        for name in ("code", "message", "status", "body", "seconds", "fraction", "indexes"):
            if getattr(self, name) is not None:
                yield name

    @property
    def moment(self) -> When:
        """When it strikes."""
        return self.when if self.when is not None else _MOMENTS[self.kind][0]


class _Armed:
    """A fault that was injected, and how far through its requests it is."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck = 0
        self._seen = 0

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times

    def due(self, endpoint: Endpoint) -> bool:
        """Count one more request, and tell whether it is one to suffer."""
        if self.fault.endpoint not in (None, endpoint):
            return False
        self._seen += 1
        turn = self._seen - self.fault.skip
        return turn > 0 and turn % self.fault.every == 0


class Faults:
    """The faults that are waiting for their requests."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def inject(self, fault: Fault) -> None:
        """Arm a fault for requests that come from now on."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Disarm all of them."""
        self._armed.clear()

    def waiting(self) -> list[Fault]:
        """Return the faults that may still strike."""
        return [armed.fault for armed in self._armed]

    def draw(self, endpoint: Endpoint) -> Fault | None:
        """Return the fault that the request at hand suffers, if any."""
        due = [armed for armed in self._armed if armed.due(endpoint)]
        if not due:
            return None
        due[0].struck += 1
        self._armed = [armed for armed in self._armed if not armed.spent]
        return due[0].fault
