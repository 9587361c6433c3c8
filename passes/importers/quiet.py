"""PyTorch and transformers kept off the terminal: what matters of their reports is in the errors raised."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr
from io import StringIO


@contextmanager
def quiet() -> Generator[None]:
    """Inside, log messages of all libraries and what Python prints to stderr are not shown."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        logging.disable(before)
