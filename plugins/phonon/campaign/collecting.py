"""Python's garbage collector, while a step makes many objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def new_objects_only() -> Iterator[None]:
    """Keep the garbage collector to what is made inside.

    It would else look again and again through all that the imports have made, some hundred thousand objects: a
    fifth of the time of planning.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
