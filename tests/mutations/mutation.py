"""A mutation: one deliberate break of the protocol, and the tests that should notice it."""

from __future__ import annotations

from dataclasses import dataclass


class DoesNotApplyError(ValueError):
    """The text that a mutation replaces is not, or not only once, in its file."""


@dataclass(frozen=True)
class Mutation:
    """One break. ``file`` is relative to ``plugins/phonon``; ``tests`` are pytest's ids, relative to ``tests``."""

    name: str
    file: str
    old: str
    """Exact text that is in the file once."""
    new: str
    tests: tuple[str, ...]
    """Those that should notice, the surest first; seconds, not minutes."""
    simulated: bool = True
    """Whether the simulation runs this code at all. It has a transport and owners of its own, an SQLite ledger, one
    process, and no warehouse."""

    @property
    def path(self) -> str:
        """The file, relative to the project."""
        return f"plugins/phonon/{self.file}"

    @property
    def test_paths(self) -> list[str]:
        """The tests, relative to the project."""
        return [f"tests/{test}" for test in self.tests]

    def applied(self, source: str) -> str:
        """The source with the break in it. Raises DoesNotApplyError."""
        found = source.count(self.old)
        if found != 1:
            raise DoesNotApplyError(f"{self.name}: its text is in {self.path} {found} times, not once")
        return source.replace(self.old, self.new)
