"""Python's garbage collector, while a step makes many objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 50_000
"""How many more than before make the collector look; Python's own is a few hundred."""


@contextmanager
def new_objects_only() -> Iterator[None]:
    """Keep the garbage collector to what is made inside, and have it look once in a while.

    It would else look again and again through all that the imports have made, some hundred thousand objects: a
    fifth of the time of planning. And a chunk's many objects live as long as it does, with hardly a cycle in them.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
