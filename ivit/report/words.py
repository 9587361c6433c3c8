"""Numbers of a report as people read them."""

from __future__ import annotations

import math

from ivit.report.svg import number

GOOD_DB, FAIR_DB = 30.0, 20.0
"""From so many dB on, a tensor is shown as good, and as fair."""


def db_text(value: float) -> str:
    """A SQNR."""
    return "no error" if value == math.inf else "-∞ dB" if value == -math.inf else f"{value:.1f} dB"


def time_text(microseconds: float) -> str:
    """A time."""
    return f"{microseconds / 1000:.2f} ms" if microseconds >= 1000 else f"{microseconds:.3g} µs"


def count_text(count: float) -> str:
    """A count, in thousands."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{number(count / size)} {unit}"
    return number(count)


def share_text(share: float) -> str:
    """A share of 1, in percent."""
    return f"{100 * share:.2g} %" if share else "0"
