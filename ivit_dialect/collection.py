"""Garbage collection, put off while IR is worked on."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Generator[None]:
    """Python does not search for unreachable cycles until this ends.

    IR is one large graph of cycles in which next to nothing is unreachable, and each search walks all of it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
