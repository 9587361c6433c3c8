"""Numbers of a report as people read them."""

from __future__ import annotations

import math

from ivit.report.svg import number

GOOD_DB, FAIR_DB = 30.0, 20.0
"""From so many dB on, a tensor is shown as good, and as fair."""

LEAST_SHARE = 0.0001
"""Smaller shares are only said to be smaller."""


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


def range_text(low: float, high: float) -> str:
    """A range, both ends to three digits of the larger one."""
    most = max(abs(low), abs(high))
    if not 1e-3 <= most < 1e4:
        return f"{low:.3g} … {high:.3g}"
    places = max(0, 2 - math.floor(math.log10(most)))
    return " … ".join(
        number(round(end, places)) if places <= 2 else f"{end:.{places}f}" for end in (low, high)
    )


def share_text(share: float) -> str:
    """A share of 1, in percent."""
    if 0 < share < LEAST_SHARE:
        return f"<{100 * LEAST_SHARE:g} %"
    return f"{100 * share:.2g} %" if share else "0"
