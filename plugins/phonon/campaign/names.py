"""The names of the campaigns of a folder, without reading its files as campaigns: for the lists of forms."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"""^name:[ \t]*["']?([A-Za-z][A-Za-z0-9_.\-]{0,99})""", re.MULTILINE)


def campaign_names(folder: Path) -> list[str]:
    """Return the names that stand in the campaign files of a folder, sorted; none if there is no such folder."""
    found = set()
    for file in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
        try:
            name = _NAME.search(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
        if name:
            found.add(name[1])
    return sorted(found)
