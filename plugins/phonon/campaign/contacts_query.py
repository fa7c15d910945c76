"""Finds the SQL files that a campaign names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from phonon.campaign.problems import did_you_mean, shortened
from phonon.campaign.read_only import READ_ONLY_CURE, why_not_read
from phonon.campaign.shapes import without_comments
from phonon.errors import ConfigurationError

_MOST_LISTED = 12


def read_query(named: str, folders: Sequence[Path]) -> str:
    """Return the text of the SQL file ``named``, relative to the first of ``folders`` that has it.

    :raises ConfigurationError: if no folder has it, it lies outside of them, or it cannot be read. The text says
        what was expected and which files there are.
    """
    try:
        return _read_query(named, folders)
    except OSError as error:
        text = f"The file {shortened(named)!r} cannot be read: {error.strerror}."
        raise ConfigurationError(text) from error


def _read_query(named: str, folders: Sequence[Path]) -> str:
    inside = [(folder, path) for folder in folders if (path := _inside(folder, named)) is not None]
    if not inside:
        raise ConfigurationError(
            f"The path {shortened(named)!r} leads out of {_listed(folders)}. "
            f"Give a path inside, like sql/contacts.sql."
        )
    for _, path in inside:
        if path.is_file():
            return _text_of(path, named)
    raise ConfigurationError(_not_found(named, inside))


def _inside(folder: Path, named: str) -> Path | None:
    """Return the file's path with links followed, or None if that is outside of ``folder``."""
    root = folder.resolve()
    try:
        path = (root / named.strip()).resolve()
    except RuntimeError:  # pathlib's word for links that go round in a circle.
        return None
    return path if path.is_relative_to(root) else None


def _text_of(path: Path, named: str) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"The file {shortened(named)!r} is not UTF-8 text. Save it as UTF-8.") from error
    if not without_comments(text).strip():
        raise ConfigurationError(
            f"The file {shortened(named)!r} holds no SQL. Write the query that selects what is asked for."
        )
    objection = why_not_read(text)
    if objection is not None:
        raise ConfigurationError(f"The file {shortened(named)!r} holds no query: {objection}. {READ_ONLY_CURE}")
    return text


def _not_found(named: str, inside: Sequence[tuple[Path, Path]]) -> str:
    """Say that there is no such file, and which there are where it was looked for."""
    names: dict[str, None] = {}
    for folder, path in inside:
        root = folder.resolve()
        # Not the whole folder: the second one may be anything, even the root of the machine.
        there = {*path.parent.glob("*.sql"), *(root / "sql").glob("**/*.sql")}
        names |= dict.fromkeys(file.relative_to(root).as_posix() for file in sorted(there))
    shown = list(names)[:_MOST_LISTED]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    files = f"The .sql files there are: {', '.join(shown)}{more}." if names else "There are no .sql files."
    where = _listed(folder for folder, _ in inside)
    return f"There is no file {shortened(named)!r} under {where}. {files}{did_you_mean(named, names)}"


def _listed(folders: Iterable[Path]) -> str:
    return " or ".join(str(folder) for folder in folders)
