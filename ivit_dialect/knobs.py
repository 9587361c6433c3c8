"""Every environment variable that ivit reads, typed."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Knobs:
    """``debug`` (IVIT_DEBUG): 0 prints one line for an error, 1 and more the traceback."""

    debug: int


def knobs() -> Knobs:
    """The knobs as the environment sets them now; ValueError for a value that is no number."""
    text = os.environ.get("IVIT_DEBUG", "") or "0"
    if not text.isdecimal():
        raise ValueError(f"IVIT_DEBUG must be a number, got {text!r}")
    return Knobs(debug=int(text))
